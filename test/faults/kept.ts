import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Schedule } from './schedule.js';

/** A schedule that has shown a violation, at its shortest. */
export interface Kept {
  /** What it showed. */
  readonly why: string;
  readonly schedule: Schedule;
}

export function keptIn(file: string): Kept[] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Kept[]) : [];
}

export function keep(file: string, kept: Kept): void {
  const known = keptIn(file);
  const text = JSON.stringify(kept.schedule);
  if (known.some(({ schedule }) => JSON.stringify(schedule) === text)) return;
  writeFileSync(file, `${JSON.stringify([...known, kept], null, 2)}\n`);
}
