import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { payloadOf } from '../../../src/codec/payload.js';
import { SharedBody } from '../../../src/codec/shared-body.js';
import { createCounters, type Counters } from '../../../src/telemetry/counters.js';
import { Backlog } from '../../../src/transport/backlog.js';
import { EARLY_WRITE_BYTES, MAX_PONGS_UNREAD, Outbox } from '../../../src/transport/outbox.js';
import type { OutboxSocket } from '../../../src/transport/outbox-socket.js';
import { PROBE_BYTES, PROBES_PER_PERIOD } from '../../../src/transport/read-probe.js';
import { SYSTEM_CALL_BYTES, TURN_BYTES, TurnFlusher } from '../../../src/transport/turn-flusher.js';

const TAKEN = 1;
const PILING_UP = 0;
const DROPPED = 2;
const MAX_UNSENT_BYTES = 4 * EARLY_WRITE_BYTES;

/** Writes down what is done to it. While `isStuck`, nothing leaves it. */
class RecordingSocket implements OutboxSocket {
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

describe('outbox', () => {
  let counters: Counters;
  let flusher: TurnFlusher<Outbox>;
  let backlog: Backlog;
  const probes = { number: 0 };
  const options = { maxUnsentBytes: MAX_UNSENT_BYTES, compress: false, lingerMs: 5_000, probes };

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setImmediate', 'setTimeout', 'clearTimeout'] });
    counters = createCounters();
    flusher = new TurnFlusher();
    backlog = new Backlog(Infinity, flusher);
  });
  afterEach(() => vi.useRealTimers());

  function make(serializer: 'json' | 'msgpack' = 'json', isBatched = false, compress = false) {
    const socket = new RecordingSocket();
    const outbox = new Outbox(socket, serializer, isBatched, { ...options, backlog, compress }, flusher, counters);
    socket.onEnd = () => outbox.dispose();
    const write = (...texts: string[]) => texts.forEach((text) => outbox.write(Buffer.from(text, 'latin1')));
    return { socket, outbox, write };
  }

  const messagesOf = (socket: RecordingSocket) =>
    socket.log.filter((line) => !line.endsWith('cork') && line !== 'ping');

  /** Time stands still: only what is due at the end of this turn runs. */
  const endTurn = () => vi.advanceTimersByTime(0);

  it('sends nothing before the turn is over', () => {
    const { socket, write } = make();
    write('a', 'b');
    expect(socket.log).toEqual([]);
  });

  it('sends all of a turn in order under one cork', () => {
    const { socket, write } = make();
    write('a', 'b', 'c');
    endTurn();
    expect(socket.log).toEqual(['cork', 'a', 'b', 'c', 'uncork']);
  });

  it('sends a single message without cork', () => {
    const { socket, write } = make('msgpack', false, true);
    write('a');
    endTurn();
    expect(socket.log).toEqual(['a binary compressed']);
  });

  it('starts anew in the next turn', () => {
    const { socket, write } = make();
    write('a', 'b');
    endTurn();
    write('c');
    endTurn();
    endTurn();
    expect(socket.log).toEqual(['cork', 'a', 'b', 'uncork', 'c']);
  });

  it('flushes each connection once, in the order of their first writes', () => {
    const first = make();
    const second = make();
    const order: string[] = [];
    const tell = (name: string) => (callback: () => void) => {
      order.push(name);
      callback();
    };
    first.socket.cork = tell('first');
    second.socket.cork = tell('second');
    second.write('x');
    first.write('x', 'y');
    second.write('y');
    endTurn();
    expect(order).toEqual(['second', 'first']);
  });

  it('puts all of a turn into one message when batched (BAT-4)', () => {
    const text = make('json', true);
    const binary = make('msgpack', true);
    text.write('a', 'b');
    binary.write('a');
    endTurn();
    expect(text.socket.log).toEqual(['a\x1eb\x1e']);
    expect(binary.socket.log).toEqual(['\0\0\0\x01a binary']);
  });

  it('writes early in a turn that queues much, so that the queue stays small', () => {
    const { socket, outbox, write } = make();
    write('a');
    outbox.write(Buffer.alloc(EARLY_WRITE_BYTES));
    write('b');
    expect(messagesOf(socket)).toEqual(['a', `${EARLY_WRITE_BYTES} bytes`]);
    expect(outbox.unsentBytes()).toBe(1);
    endTurn();
    expect(socket.log.at(-1)).toBe('b');
  });

  it('writes early only what the socket takes, and keeps the rest for the end of the turn', () => {
    const { socket, outbox, write } = make();
    socket.isStuck = true;
    outbox.write(Buffer.alloc(EARLY_WRITE_BYTES - 1));
    write('a', 'b', 'c');
    expect(messagesOf(socket)).toEqual([`${EARLY_WRITE_BYTES - 1} bytes`]);
    expect(backlog.totalBytes).toBe(EARLY_WRITE_BYTES + 2);
    socket.isStuck = false;
    endTurn();
    expect(messagesOf(socket).slice(1)).toEqual(['a', 'b', 'c']);
  });

  it('does not close a reader for what one turn produced while its socket takes it (G7)', () => {
    const { socket, outbox } = make();
    for (let count = 0; count < 12; count++) outbox.write(Buffer.alloc(EARLY_WRITE_BYTES));
    endTurn();
    expect(socket.log).not.toContain('close');
    expect(messagesOf(socket)).toHaveLength(12);
  });

  it('closes a reader that lets more wait than it may within one turn, and keeps none of it (G7)', () => {
    const { socket, outbox } = make();
    socket.isStuck = true;
    for (let count = 0; count < 12; count++) outbox.write(Buffer.alloc(EARLY_WRITE_BYTES));
    expect(socket.log.at(-1)).toBe('close');
    expect(messagesOf(socket).filter((line) => line !== 'close')).toHaveLength(1);
    expect(outbox.isOpen).toBe(false);
    expect(flusher.queuedBytes).toBe(0);
    expect(counters.limitsReached.unsent_bytes).toBe(1);
  });

  it('takes several turns for much, in order', () => {
    const { socket, outbox } = make('msgpack');
    const lengths = Array.from({ length: 30 }, (_, index) => 100_000 + index);
    outbox.write(Buffer.alloc(21));
    socket.isStuck = true;
    for (const length of lengths) outbox.write(Buffer.alloc(length));
    socket.isStuck = false;
    socket.buffered = 0;
    endTurn();
    expect(messagesOf(socket).length).toBeLessThan(lengths.length);
    outbox.close('goodbye');
    for (let turn = 0; turn < 4; turn++) vi.advanceTimersByTime(1);
    expect(messagesOf(socket)).toEqual([
      '21 bytes binary',
      ...lengths.map((length) => `${length} bytes binary`),
      expect.stringMatching(/^end/),
    ]);
    expect(flusher.queuedBytes).toBe(0);
  });

  it('sends a ping behind so many bytes, whose pong shows that they have arrived, but not without end', () => {
    const { socket, outbox } = make();
    const pings = () => socket.log.filter((line) => line === 'ping').length;
    const send = (bytes: number) => {
      outbox.write(Buffer.alloc(bytes));
      vi.advanceTimersByTime(1);
    };
    send(PROBE_BYTES - 1);
    expect(pings()).toBe(0);
    send(1);
    expect(pings()).toBe(1);
    for (let count = 0; count < 2 * PROBES_PER_PERIOD; count++) send(PROBE_BYTES);
    expect(pings()).toBe(PROBES_PER_PERIOD);
    probes.number++;
    send(PROBE_BYTES);
    expect(pings()).toBe(PROBES_PER_PERIOD + 1);
  });

  it('counts the pongs that a peer does not read, and closes it from within the ping that is one too many', () => {
    const { socket, outbox } = make();
    socket.buffered = MAX_UNSENT_BYTES;
    outbox.pinged();
    expect(backlog.totalBytes).toBe(MAX_UNSENT_BYTES);
    expect(socket.log).toEqual([]);
    socket.buffered++;
    outbox.pinged();
    expect(socket.log).toEqual(['close']);
    expect(backlog.totalBytes).toBe(0);
    expect(counters.limitsReached.unsent_bytes).toBe(1);
  });

  it('closes a peer that goes on sending pings while it takes nothing, and no other', () => {
    const { socket, outbox } = make();
    const ping = (count: number) => {
      for (let index = 0; index < count; index++) outbox.pinged();
    };
    ping(2 * MAX_PONGS_UNREAD);
    socket.buffered = 127;
    ping(MAX_PONGS_UNREAD);
    outbox.drained();
    ping(MAX_PONGS_UNREAD);
    expect(socket.log).toEqual([]);
    ping(1);
    expect(socket.log).toEqual(['close']);
    expect(outbox.cause).toBe('slow_reader');
  });

  describe('with heads of one body', () => {
    const body = () => SharedBody.of(payloadOf(['x']), 'json')!;
    const heads = (outbox: Outbox, shared: SharedBody) => {
      for (const head of ['[1,', '[2,', '[3,']) outbox.write(Buffer.from(head), shared);
    };

    it('sends each head in front of the body, in order with other messages', () => {
      const { socket, outbox, write } = make();
      write('before');
      heads(outbox, body());
      write('behind');
      expect(outbox.unsentBytes()).toBe('before[1,["x"]][2,["x"]][3,["x"]]behind'.length);
      endTurn();
      expect(messagesOf(socket)).toEqual(['before', '[1,["x"]]', '[2,["x"]]', '[3,["x"]]', 'behind']);
      expect(flusher.queuedBytes).toBe(0);
      write('next turn');
      endTurn();
      expect(messagesOf(socket).at(-1)).toBe('next turn');
    });

    it('sends a single one', () => {
      const { socket, outbox } = make();
      outbox.write(Buffer.from('[1,'), body());
      vi.advanceTimersByTime(1);
      expect(messagesOf(socket)).toEqual(['[1,["x"]]']);
      expect(flusher.queuedBytes).toBe(0);
    });

    it('sends them in one batch (BAT-4)', () => {
      const { socket, outbox } = make('json', true);
      heads(outbox, body());
      endTurn();
      const batch = '[1,["x"]]\x1e[2,["x"]]\x1e[3,["x"]]\x1e';
      expect(socket.log).toEqual([`${batch.length} bytes`]);
    });

    it('counts each with its body towards the bound of a reader (G7)', () => {
      const { socket, outbox } = make();
      socket.isStuck = true;
      const shared = SharedBody.of(payloadOf(['x'.repeat(EARLY_WRITE_BYTES)]), 'json')!;
      for (let count = 0; count < 12; count++) outbox.write(Buffer.from('[1,'), shared);
      expect(outbox.cause).toBe('slow_reader');
      expect(flusher.queuedBytes).toBe(0);
      expect(messagesOf(socket).filter((line) => line !== 'close')).toHaveLength(1);
    });
  });

  it('sends all of a turn under one cork, in order, however much it is', () => {
    const { socket, outbox } = make();
    const lengths = [...Array.from({ length: 40 }, (_, index) => 1_000 + index), 50_000];
    for (const length of lengths) outbox.write(Buffer.alloc(length));
    endTurn();
    expect(socket.log).toEqual(['cork', ...lengths.map((length) => `${length} bytes`), 'uncork']);
  });

  it('splits what a turn has for a batched connection into messages of bounded size, in order (BAT-4)', () => {
    const { socket, outbox } = make('msgpack', true);
    for (let index = 0; index < 5; index++) outbox.write(Buffer.alloc(40_000, index));
    endTurn();
    expect(messagesOf(socket)).toEqual(['80008 bytes binary', '80008 bytes binary', '40004 bytes binary']);
  });

  it('counts bytes sent, and unsent bytes where they are: queued or piled up', () => {
    const { socket, outbox, write } = make();
    write('abc', 'de');
    expect(outbox.unsentBytes()).toBe(5);
    socket.isStuck = true;
    endTurn();
    expect(outbox.unsentBytes()).toBe(5);
    expect(counters.bytes.out).toBe(5);
  });

  it('closes a reader past the bound at once, drops what is queued and counts it (G7)', () => {
    const { socket, outbox, write } = make();
    socket.isStuck = true;
    socket.buffered = MAX_UNSENT_BYTES;
    write('a', 'b');
    outbox.write(Buffer.alloc(EARLY_WRITE_BYTES));
    expect(socket.log.at(-1)).toBe('close');
    expect(outbox.wasCut).toBe(true);
    write('never');
    endTurn();
    expect(socket.log).not.toContain('never');
    expect(outbox.cause).toBe('slow_reader');
    expect(counters.limitsReached.unsent_bytes).toBe(1);
    endTurn();
    expect(socket.log.filter((line) => line === 'close')).toHaveLength(1);
  });

  describe('with a bound for all connections together (G7)', () => {
    const MAX_TOTAL_UNSENT_BYTES = 2_000;
    beforeEach(() => {
      backlog = new Backlog(MAX_TOTAL_UNSENT_BYTES, flusher);
    });

    // What is due since the end of a turn: the clock puts it a millisecond later.
    const endNextTurn = () => vi.advanceTimersByTime(1);
    const stuck = (bytes: number) => {
      const made = make();
      made.socket.isStuck = true;
      made.outbox.write(Buffer.alloc(bytes));
      endTurn();
      return made;
    };

    it('closes those with the most waiting until a tenth is free, and no others', () => {
      const [little, most, more] = [stuck(300), stuck(900), stuck(600)];
      expect(backlog.totalBytes).toBe(1_800);
      const last = stuck(201);
      endNextTurn();
      expect(most.socket.log.at(-1)).toBe('close');
      expect(most.outbox.cause).toBe('slow_reader');
      for (const { socket } of [little, more, last]) expect(socket.log).not.toContain('close');
      expect(backlog.totalBytes).toBe(1_101);
      expect(counters.limitsReached).toMatchObject({ total_unsent_bytes: 1, unsent_bytes: 0 });
    });

    it('closes the one that passed the bound itself, if it is the slowest', () => {
      const little = stuck(800);
      const greedy = stuck(1_300);
      expect(greedy.socket.log.at(-1)).toBe('close');
      expect(little.socket.log).not.toContain('close');
      expect(backlog.totalBytes).toBe(800);
    });

    it('forgets what has been read, and connections that have ended', () => {
      const reading = stuck(1_000);
      const ending = stuck(900);
      reading.socket.buffered = 400;
      reading.outbox.drained();
      expect(backlog.totalBytes).toBe(1_300);
      ending.outbox.dispose();
      expect(backlog.totalBytes).toBe(400);
      reading.socket.buffered = 0;
      reading.outbox.drained();
      expect(backlog.totalBytes).toBe(0);
      expect(counters.limitsReached.total_unsent_bytes).toBe(0);
    });

    it('closes one that was about to end but is not read', () => {
      const ending = stuck(1_500);
      ending.outbox.close('goodbye');
      endTurn();
      stuck(600);
      endNextTurn();
      expect(ending.socket.log.at(-1)).toBe('close');
      expect(ending.outbox.cause).toBe('goodbye');
      expect(backlog.totalBytes).toBe(600);
    });
  });

  it('sends nothing after the first message the socket drops, though it may take more later', () => {
    const { socket, write } = make();
    socket.dropsAfter = 1;
    write('a', 'b', 'c');
    endTurn();
    expect(socket.log).toEqual(['cork', 'a', 'uncork', 'close']);
    expect(counters.messagesUnsent.slow_reader).toBe(2);
  });

  it('closes when the only message of a turn is dropped', () => {
    const { socket, write } = make();
    socket.dropsAfter = 0;
    write('a');
    endTurn();
    expect(socket.log).toEqual(['close']);
  });

  it.each([
    ['goodbye', 1000],
    ['goodbye_timeout', 1000],
    ['shutdown', 1001],
    ['restart', 1012],
    ['protocol_violation', 1002],
    ['abort', 1008],
    ['handshake_timeout', 1008],
    ['limit', 1008],
  ] as const)('closes for %s with code %i after what was written', (cause, code) => {
    const { socket, outbox, write } = make();
    write('a');
    outbox.close(cause);
    write('late');
    expect(socket.log).toEqual([]);
    endTurn();
    expect(socket.log[0]).toBe('a');
    expect(socket.log[1]).toMatch(new RegExp(`^end ${code} .`));
    expect(socket.log).toHaveLength(2);
  });

  it('keeps the first cause', () => {
    const { socket, outbox } = make();
    outbox.close('shutdown');
    outbox.close('goodbye');
    endTurn();
    expect(outbox.cause).toBe('shutdown');
    expect(socket.log).toEqual([expect.stringMatching(/^end 1001/)]);
  });

  it('lets the reader take what was sent before it closes', () => {
    const { socket, outbox, write } = make();
    socket.isStuck = true;
    write('a');
    outbox.close('goodbye');
    endTurn();
    outbox.drained();
    expect(socket.log).toEqual(['a']);
    socket.buffered = 0;
    outbox.drained();
    outbox.drained();
    expect(socket.log).toEqual(['a', expect.stringMatching(/^end 1000/)]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('cuts a reader that does not take it in time', () => {
    const { socket, outbox, write } = make();
    socket.isStuck = true;
    write('a');
    outbox.close('goodbye');
    endTurn();
    vi.advanceTimersByTime(4_999);
    expect(socket.log).toEqual(['a']);
    vi.advanceTimersByTime(1);
    expect(socket.log).toEqual(['a', 'close']);
  });

  it('does not touch a socket that is gone', () => {
    const { socket, outbox, write } = make();
    write('a', 'b');
    outbox.close('goodbye');
    outbox.dispose();
    write('c');
    socket.getBufferedAmount = () => {
      throw new Error('touched');
    };
    endTurn();
    outbox.drained();
    expect(outbox.unsentBytes()).toBe(0);
    expect(socket.log).toEqual([]);
    expect(counters.messagesUnsent.connection_closed).toBe(2);
  });
});

describe('turn flusher', () => {
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it('runs what is added during a flush in the next turn', async () => {
    const flusher = new TurnFlusher();
    const order: string[] = [];
    const note = (name: string) => ({ flush: () => order.push(name) });
    flusher.add({
      flush: () => {
        flusher.add(note('later'));
        setImmediate(() => order.push('turn over'));
        return 0;
      },
    });
    await new Promise((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve))));
    expect(order).toEqual(['later', 'turn over']);
  });

  it('goes on in the next turn when one has cost enough, before what was added meanwhile', async () => {
    const flusher = new TurnFlusher();
    const order: number[] = [];
    const costing = (name: number) => ({
      flush: () => {
        order.push(name);
        return TURN_BYTES / 2;
      },
    });
    for (let name = 0; name < 5; name++) flusher.add(costing(name));
    await turn();
    expect(order).toEqual([0, 1]);
    flusher.add(costing(5));
    expect(flusher.due()).toHaveLength(4);
    await turn();
    await turn();
    expect(order).toEqual([0, 1, 2, 3, 4, 5]);
    expect(flusher.due()).toEqual([]);
  });

  it('takes longer turns while more is added than is sent', async () => {
    const flusher = new TurnFlusher();
    let flushed = 0;
    const member = {
      flush: () => {
        flushed++;
        return TURN_BYTES;
      },
    };
    for (let round = 0; round < 6; round++) {
      for (let count = 0; count < 10; count++) flusher.add(member);
      await turn();
    }
    expect(flushed).toBeGreaterThan(6 + 3);
    while (flusher.due().length > 0) await turn();
    expect(flushed).toBe(60);
  });

  it('counts the system calls of small writes too', async () => {
    const flusher = new TurnFlusher();
    let flushed = 0;
    const count = (2 * TURN_BYTES) / SYSTEM_CALL_BYTES;
    for (let index = 0; index < count; index++) {
      flusher.add({
        flush: () => {
          flushed++;
          return SYSTEM_CALL_BYTES;
        },
      });
    }
    await turn();
    expect(flushed).toBe(count / 2);
  });
});
