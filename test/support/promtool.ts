import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cache = fileURLToPath(new URL('../../.cache', import.meta.url));
const WHAT_TO_DO = 'install Prometheus, or name its promtool in GANTRY_TEST_PROMTOOL';

/**
 * Path of promtool: from GANTRY_TEST_PROMTOOL, the PATH, or on Debian and Ubuntu taken out of the package, which is not
 * installed: it would start a server.
 */
export function promtool(): string {
  const named = process.env['GANTRY_TEST_PROMTOOL'];
  if (named !== undefined && named !== '') return named;
  if (answers('promtool')) return 'promtool';
  const kept = join(cache, 'promtool');
  if (!existsSync(kept)) unpack(kept);
  return kept;
}

function unpack(target: string): void {
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'promtool-'));
  try {
    const options = { cwd: folder, stdio: 'ignore' } as const;
    try {
      execFileSync('apt-get', ['download', 'prometheus'], options);
    } catch {
      execFileSync('apt-get', ['update'], options);
      execFileSync('apt-get', ['download', 'prometheus'], options);
    }
    const [archive = ''] = readdirSync(folder);
    execFileSync('dpkg-deb', ['--extract', archive, 'content'], options);
    renameSync(join(folder, 'content/usr/bin/promtool'), target);
  } catch (cause) {
    throw new Error(`promtool could not be had: ${WHAT_TO_DO}`, { cause });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function answers(command: string): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
