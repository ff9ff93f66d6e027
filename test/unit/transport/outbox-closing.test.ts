import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { endTurn, OutboxScene } from './outbox-scene.js';

describe('outbox', () => {
  let scene: OutboxScene;
  beforeEach(() => {
    scene = new OutboxScene();
  });
  afterEach(() => vi.useRealTimers());

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
    const { socket, outbox, write } = scene.make();
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
    const { socket, outbox } = scene.make();
    outbox.close('shutdown');
    outbox.close('goodbye');
    endTurn();
    expect(outbox.cause).toBe('shutdown');
    expect(socket.log).toEqual([expect.stringMatching(/^end 1001/)]);
  });

  it('lets the reader take what was sent before it closes', () => {
    const { socket, outbox, write } = scene.make();
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
    const { socket, outbox, write } = scene.make();
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
    const { socket, outbox, write } = scene.make();
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
    expect(scene.counters.messagesUnsent.connection_closed).toBe(2);
  });
});
