import { describe, expect, it } from 'vitest';
import { Gate } from '../../../../src/backplane/redis/gate.js';

function scene(maxMessages = 10) {
  const heard: string[] = [];
  const state = { isOpen: true };
  const gate = new Gate({
    isOpen: () => state.isOpen,
    hear: (channel, bytes) => heard.push(`${channel} ${bytes[0]}`),
    maxMessages,
  });
  return { gate, heard, state };
}

describe('Gate', () => {
  it('holds back what comes while it is closed, and hears it first and in order afterwards', () => {
    const { gate, heard, state } = scene();
    gate.receive('a', Uint8Array.of(1));
    state.isOpen = false;
    gate.receive('b', Uint8Array.of(2));
    gate.receive('a', Uint8Array.of(3));
    expect(heard).toEqual(['a 1']);
    state.isOpen = true;
    gate.receive('a', Uint8Array.of(4));
    expect(heard).toEqual(['a 1', 'b 2', 'a 3', 'a 4']);
  });

  it('hears it when told to, once, and nothing that was discarded', () => {
    const { gate, heard, state } = scene();
    state.isOpen = false;
    gate.receive('a', Uint8Array.of(1));
    gate.release();
    gate.release();
    gate.receive('a', Uint8Array.of(2));
    gate.discard();
    gate.release();
    expect(heard).toEqual(['a 1']);
  });

  it('is bounded', () => {
    const { gate, heard, state } = scene(2);
    state.isOpen = false;
    for (const number of [1, 2, 3]) gate.receive('a', Uint8Array.of(number));
    gate.release();
    expect(heard).toEqual(['a 1', 'a 2']);
  });
});
