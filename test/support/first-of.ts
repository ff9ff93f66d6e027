import { once, type EventEmitter } from 'node:events';

/** Resolves with the first of these events, and leaves no listener behind for the others. */
export async function firstOf(...events: readonly (readonly [emitter: EventEmitter, event: string])[]): Promise<void> {
  const waiting = new AbortController();
  try {
    await Promise.race(events.map(([emitter, event]) => once(emitter, event, { signal: waiting.signal })));
  } finally {
    waiting.abort();
  }
}
