import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EARLY_WRITE_BYTES, MAX_PONGS_UNREAD } from '../../../src/transport/outbox.js';
import { PROBE_BYTES, PROBES_PER_PERIOD } from '../../../src/transport/bounds/read-probe.js';
import { endNextTurn, endTurn, MAX_UNSENT_BYTES, messagesOf, OutboxScene } from './outbox-scene.js';

describe('outbox', () => {
  let scene: OutboxScene;
  beforeEach(() => {
    scene = new OutboxScene();
  });
  afterEach(() => vi.useRealTimers());

  it('does not close a reader for what one turn produced while its socket takes it (G7)', () => {
    const { socket, outbox } = scene.make();
    for (let count = 0; count < 12; count++) outbox.write(Buffer.alloc(EARLY_WRITE_BYTES));
    endTurn();
    expect(socket.log).not.toContain('close');
    expect(messagesOf(socket)).toHaveLength(12);
  });

  it('closes a reader that lets more wait than it may within one turn, and keeps none of it (G7)', () => {
    const { socket, outbox } = scene.make();
    socket.isStuck = true;
    for (let count = 0; count < 12; count++) outbox.write(Buffer.alloc(EARLY_WRITE_BYTES));
    expect(socket.log.at(-1)).toBe('close');
    expect(messagesOf(socket).filter((line) => line !== 'close')).toHaveLength(1);
    expect(outbox.isOpen).toBe(false);
    expect(scene.flusher.queuedBytes).toBe(0);
    expect(scene.counters.limitsReached.unsent_bytes).toBe(1);
  });

  it('sends a ping behind so many bytes, whose pong shows that they have arrived, but not without end', () => {
    const { socket, outbox } = scene.make();
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
    scene.probes.number++;
    send(PROBE_BYTES);
    expect(pings()).toBe(PROBES_PER_PERIOD + 1);
  });

  it('counts the pongs that a peer does not read, and closes it from within the ping that is one too many', () => {
    const { socket, outbox } = scene.make();
    socket.buffered = MAX_UNSENT_BYTES;
    outbox.pinged();
    expect(scene.backlog.totalBytes).toBe(MAX_UNSENT_BYTES);
    expect(socket.log).toEqual([]);
    socket.buffered++;
    outbox.pinged();
    expect(socket.log).toEqual(['close']);
    expect(scene.backlog.totalBytes).toBe(0);
    expect(scene.counters.limitsReached.unsent_bytes).toBe(1);
  });

  it('closes a peer that goes on sending pings while it takes nothing, and no other', () => {
    const { socket, outbox } = scene.make();
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

  it('closes a reader past the bound at once, drops what is queued and counts it (G7)', () => {
    const { socket, outbox, write } = scene.make();
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
    expect(scene.counters.limitsReached.unsent_bytes).toBe(1);
    endTurn();
    expect(socket.log.filter((line) => line === 'close')).toHaveLength(1);
  });

  describe('with a bound for all connections together (G7)', () => {
    const MAX_TOTAL_UNSENT_BYTES = 2_000;
    beforeEach(() => {
      scene = new OutboxScene(MAX_TOTAL_UNSENT_BYTES);
    });

    const stuck = (bytes: number) => {
      const made = scene.make();
      made.socket.isStuck = true;
      made.outbox.write(Buffer.alloc(bytes));
      endTurn();
      return made;
    };

    it('closes those with the most waiting until a tenth is free, and no others', () => {
      const [little, most, more] = [stuck(300), stuck(900), stuck(600)];
      expect(scene.backlog.totalBytes).toBe(1_800);
      const last = stuck(201);
      endNextTurn();
      expect(most.socket.log.at(-1)).toBe('close');
      expect(most.outbox.cause).toBe('slow_reader');
      for (const { socket } of [little, more, last]) expect(socket.log).not.toContain('close');
      expect(scene.backlog.totalBytes).toBe(1_101);
      expect(scene.counters.limitsReached).toMatchObject({ total_unsent_bytes: 1, unsent_bytes: 0 });
    });

    it('closes the one that passed the bound itself, if it is the slowest', () => {
      const little = stuck(800);
      const greedy = stuck(1_300);
      expect(greedy.socket.log.at(-1)).toBe('close');
      expect(little.socket.log).not.toContain('close');
      expect(scene.backlog.totalBytes).toBe(800);
    });

    it('forgets what has been read, and connections that have ended', () => {
      const reading = stuck(1_000);
      const ending = stuck(900);
      reading.socket.buffered = 400;
      reading.outbox.drained();
      expect(scene.backlog.totalBytes).toBe(1_300);
      ending.outbox.dispose();
      expect(scene.backlog.totalBytes).toBe(400);
      reading.socket.buffered = 0;
      reading.outbox.drained();
      expect(scene.backlog.totalBytes).toBe(0);
      expect(scene.counters.limitsReached.total_unsent_bytes).toBe(0);
    });

    it('closes one that was about to end but is not read', () => {
      const ending = stuck(1_500);
      ending.outbox.close('goodbye');
      endTurn();
      stuck(600);
      endNextTurn();
      expect(ending.socket.log.at(-1)).toBe('close');
      expect(ending.outbox.cause).toBe('goodbye');
      expect(scene.backlog.totalBytes).toBe(600);
    });
  });

  it('sends nothing after the first message the socket drops, though it may take more later', () => {
    const { socket, write } = scene.make();
    socket.dropsAfter = 1;
    write('a', 'b', 'c');
    endTurn();
    expect(socket.log).toEqual(['cork', 'a', 'uncork', 'close']);
    expect(scene.counters.messagesUnsent.slow_reader).toBe(2);
  });

  it('closes when the only message of a turn is dropped', () => {
    const { socket, write } = scene.make();
    socket.dropsAfter = 0;
    write('a');
    endTurn();
    expect(socket.log).toEqual(['close']);
  });
});
