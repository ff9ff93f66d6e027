import { setTimeout as pause } from 'node:timers/promises';

const DEADLINE_MS = 60_000;
const POLL_MS = 100;

/** Polls a state that nothing reports by itself. */
export async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`waited ${DEADLINE_MS} ms for ${what}`);
    await pause(POLL_MS);
  }
}
