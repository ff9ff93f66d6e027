import { vi } from 'vitest';
import { createCounters } from '../../../src/telemetry/counters.js';
import { Backlog } from '../../../src/transport/bounds/backlog.js';
import { EARLY_WRITE_BYTES, Outbox } from '../../../src/transport/outbox.js';
import type { OutboxSocket } from '../../../src/transport/outbox-socket.js';
import { TurnFlusher } from '../../../src/transport/turn-flusher.js';

const TAKEN = 1;
const PILING_UP = 0;
const DROPPED = 2;
export const MAX_UNSENT_BYTES = 4 * EARLY_WRITE_BYTES;

/** Records every operation on it. While `isStuck`, the socket accepts bytes and sends none. */
export class RecordingSocket implements OutboxSocket {
  readonly log: string[] = [];
  isStuck = false;
  buffered = 0;
  dropsAfter = Infinity;
  onEnd: () => void = () => undefined;

  send(message: Uint8Array, isBinary: boolean, compress: boolean): number {
    if (this.dropsAfter-- <= 0) return DROPPED;
    const text = message.length > 20 ? `${message.length} bytes` : Buffer.from(message).toString('latin1');
    this.log.push(`${text}${isBinary ? ' binary' : ''}${compress ? ' compressed' : ''}`);
    if (!this.isStuck) return TAKEN;
    this.buffered += message.length;
    return PILING_UP;
  }

  ping(): number {
    this.log.push('ping');
    return TAKEN;
  }

  getBufferedAmount(): number {
    return this.buffered;
  }

  cork(callback: () => void): void {
    this.log.push('cork');
    callback();
    this.log.push('uncork');
  }

  end(code: number, reason: string): void {
    this.log.push(`end ${code} ${reason}`);
    this.onEnd();
  }

  close(): void {
    this.log.push('close');
    this.onEnd();
  }
}

export interface OutboxUnderTest {
  readonly socket: RecordingSocket;
  readonly outbox: Outbox;
  readonly write: (...texts: string[]) => void;
}

/** Outboxes of one turn flusher. The scene installs fake timers; the test restores the real ones. */
export class OutboxScene {
  readonly counters = createCounters();
  readonly flusher = new TurnFlusher<Outbox>();
  readonly backlog: Backlog;
  readonly probes = { number: 0 };

  constructor(maxTotalUnsentBytes = Infinity) {
    vi.useFakeTimers({ toFake: ['setImmediate', 'setTimeout', 'clearTimeout'] });
    this.backlog = new Backlog(maxTotalUnsentBytes, this.flusher);
  }

  make(serializer: 'json' | 'msgpack' = 'json', isBatched = false, compress = false): OutboxUnderTest {
    const socket = new RecordingSocket();
    const { backlog, probes, flusher, counters } = this;
    const options = { maxUnsentBytes: MAX_UNSENT_BYTES, compress, lingerMs: 5_000, probes, backlog };
    const outbox = new Outbox(socket, serializer, isBatched, options, flusher, counters);
    socket.onEnd = () => outbox.dispose();
    const write = (...texts: string[]): void => texts.forEach((text) => outbox.write(Buffer.from(text, 'latin1')));
    return { socket, outbox, write };
  }
}

/** The messages in the socket's log, without the corks and the pings. */
export function messagesOf(socket: RecordingSocket): string[] {
  return socket.log.filter((line) => !line.endsWith('cork') && line !== 'ping');
}

/** Runs only the actions that are due at the end of this turn; the clock stands still. */
export function endTurn(): void {
  vi.advanceTimersByTime(0);
}

/** Runs also the actions that the end of a turn has postponed: the fake clock runs them a millisecond later. */
export function endNextTurn(): void {
  vi.advanceTimersByTime(1);
}
