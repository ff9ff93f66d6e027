import { prepareChromium } from './chromium.js';
import { prepareServer } from './redis-hosts.js';

/** Runs once per project, before any file of any project. */
export default async function prepare(): Promise<void> {
  await provide(isWholeRun() ? [prepareServer, prepareChromium] : [prepareServer]);
}

/**
 * Has what tests need, or gets it where it may, while no clock of a test runs. What is missing ends the run before it
 * began, with one sentence for each.
 */
export async function provide(steps: readonly (() => Promise<void>)[]): Promise<void> {
  const missing: string[] = [];
  for (const step of steps)
    try {
      await step();
    } catch (error) {
      missing.push(error instanceof Error ? error.message : String(error));
    }
  if (missing.length === 0) return;
  for (const sentence of missing) console.error(`These tests cannot run: ${sentence}.`);
  process.exit(1);
}

function isWholeRun(): boolean {
  const isConfig = (word: string): boolean => word.endsWith('vitest.config.ts');
  return !process.argv.some((word) => word.startsWith('--project') || (word.includes('test/') && !isConfig(word)));
}
