import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { payloadOf } from '../../../src/codec/payload.js';
import { SharedBody } from '../../../src/codec/shared-body.js';
import { EARLY_WRITE_BYTES, type Outbox } from '../../../src/transport/outbox.js';
import { endTurn, messagesOf, OutboxScene } from './outbox-scene.js';

describe('outbox', () => {
  let scene: OutboxScene;
  beforeEach(() => {
    scene = new OutboxScene();
  });
  afterEach(() => vi.useRealTimers());

  it('sends nothing before the turn is over', () => {
    const { socket, write } = scene.make();
    write('a', 'b');
    expect(socket.log).toEqual([]);
  });

  it('sends all of a turn in order under one cork', () => {
    const { socket, write } = scene.make();
    write('a', 'b', 'c');
    endTurn();
    expect(socket.log).toEqual(['cork', 'a', 'b', 'c', 'uncork']);
  });

  it('sends a single message without cork', () => {
    const { socket, write } = scene.make('msgpack', false, true);
    write('a');
    endTurn();
    expect(socket.log).toEqual(['a binary compressed']);
  });

  it('starts anew in the next turn', () => {
    const { socket, write } = scene.make();
    write('a', 'b');
    endTurn();
    write('c');
    endTurn();
    endTurn();
    expect(socket.log).toEqual(['cork', 'a', 'b', 'uncork', 'c']);
  });

  it('flushes each connection once, in the order of their first writes', () => {
    const first = scene.make();
    const second = scene.make();
    const order: string[] = [];
    const recorder = (name: string) => (callback: () => void) => {
      order.push(name);
      callback();
    };
    first.socket.cork = recorder('first');
    second.socket.cork = recorder('second');
    second.write('x');
    first.write('x', 'y');
    second.write('y');
    endTurn();
    expect(order).toEqual(['second', 'first']);
  });

  it('puts all of a turn into one message when batched (BAT-4)', () => {
    const text = scene.make('json', true);
    const binary = scene.make('msgpack', true);
    text.write('a', 'b');
    binary.write('a');
    endTurn();
    expect(text.socket.log).toEqual(['a\x1eb\x1e']);
    expect(binary.socket.log).toEqual(['\0\0\0\x01a binary']);
  });

  it('writes early in a turn that queues much, so that the queue stays small', () => {
    const { socket, outbox, write } = scene.make();
    write('a');
    outbox.write(Buffer.alloc(EARLY_WRITE_BYTES));
    write('b');
    expect(messagesOf(socket)).toEqual(['a', `${EARLY_WRITE_BYTES} bytes`]);
    expect(outbox.unsentBytes()).toBe(1);
    endTurn();
    expect(socket.log.at(-1)).toBe('b');
  });

  it('writes early only what the socket takes, and keeps the rest for the end of the turn', () => {
    const { socket, outbox, write } = scene.make();
    socket.isStuck = true;
    outbox.write(Buffer.alloc(EARLY_WRITE_BYTES - 1));
    write('a', 'b', 'c');
    expect(messagesOf(socket)).toEqual([`${EARLY_WRITE_BYTES - 1} bytes`]);
    expect(scene.backlog.totalBytes).toBe(EARLY_WRITE_BYTES + 2);
    socket.isStuck = false;
    endTurn();
    expect(messagesOf(socket).slice(1)).toEqual(['a', 'b', 'c']);
  });

  it('takes several turns for much, in order', () => {
    const { socket, outbox } = scene.make('msgpack');
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
    expect(scene.flusher.queuedBytes).toBe(0);
  });

  describe('with heads of one body', () => {
    const body = () => SharedBody.of(payloadOf(['x']), 'json')!;
    const heads = (outbox: Outbox, shared: SharedBody) => {
      for (const head of ['[1,', '[2,', '[3,']) outbox.write(Buffer.from(head), shared);
    };

    it('sends each head in front of the body, in order with other messages', () => {
      const { socket, outbox, write } = scene.make();
      write('before');
      heads(outbox, body());
      write('behind');
      expect(outbox.unsentBytes()).toBe('before[1,["x"]][2,["x"]][3,["x"]]behind'.length);
      endTurn();
      expect(messagesOf(socket)).toEqual(['before', '[1,["x"]]', '[2,["x"]]', '[3,["x"]]', 'behind']);
      expect(scene.flusher.queuedBytes).toBe(0);
      write('next turn');
      endTurn();
      expect(messagesOf(socket).at(-1)).toBe('next turn');
    });

    it('sends a single one', () => {
      const { socket, outbox } = scene.make();
      outbox.write(Buffer.from('[1,'), body());
      vi.advanceTimersByTime(1);
      expect(messagesOf(socket)).toEqual(['[1,["x"]]']);
      expect(scene.flusher.queuedBytes).toBe(0);
    });

    it('sends them in one batch (BAT-4)', () => {
      const { socket, outbox } = scene.make('json', true);
      heads(outbox, body());
      endTurn();
      const batch = '[1,["x"]]\x1e[2,["x"]]\x1e[3,["x"]]\x1e';
      expect(socket.log).toEqual([`${batch.length} bytes`]);
    });

    it('counts each with its body towards the bound of a reader (G7)', () => {
      const { socket, outbox } = scene.make();
      socket.isStuck = true;
      const shared = SharedBody.of(payloadOf(['x'.repeat(EARLY_WRITE_BYTES)]), 'json')!;
      for (let count = 0; count < 12; count++) outbox.write(Buffer.from('[1,'), shared);
      expect(outbox.cause).toBe('slow_reader');
      expect(scene.flusher.queuedBytes).toBe(0);
      expect(messagesOf(socket).filter((line) => line !== 'close')).toHaveLength(1);
    });
  });

  it('sends all of a turn under one cork, in order, however much it is', () => {
    const { socket, outbox } = scene.make();
    const lengths = [...Array.from({ length: 40 }, (_, index) => 1_000 + index), 50_000];
    for (const length of lengths) outbox.write(Buffer.alloc(length));
    endTurn();
    expect(socket.log).toEqual(['cork', ...lengths.map((length) => `${length} bytes`), 'uncork']);
  });

  it('splits what a turn has for a batched connection into messages of bounded size, in order (BAT-4)', () => {
    const { socket, outbox } = scene.make('msgpack', true);
    for (let index = 0; index < 5; index++) outbox.write(Buffer.alloc(40_000, index));
    endTurn();
    expect(messagesOf(socket)).toEqual(['80008 bytes binary', '80008 bytes binary', '40004 bytes binary']);
  });

  it('counts bytes sent, and unsent bytes where they are: queued or piled up', () => {
    const { socket, outbox, write } = scene.make();
    write('abc', 'de');
    expect(outbox.unsentBytes()).toBe(5);
    socket.isStuck = true;
    endTurn();
    expect(outbox.unsentBytes()).toBe(5);
    expect(scene.counters.bytes.out).toBe(5);
  });
});
