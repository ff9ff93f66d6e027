import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { KernelSockets } from '../../../../src/transport/bounds/kernel-sockets.js';
import { ReceiveBuffers } from '../../../../src/transport/bounds/receive-buffers.js';

const PORT = 8080;
const WIDE_BYTES = 65_536;
const NARROW_BYTES = 4_096;

interface Descriptor {
  /** 0: no socket. */
  port: number;
  unreadBytes: number;
  bufferBytes: number;
}

/** Descriptor 0 listens. */
function scene() {
  const table = new Map<number, Descriptor>([[0, { port: PORT, unreadBytes: 0, bufferBytes: 0 }]]);
  const kernel: KernelSockets = {
    descriptors: () => [...table.keys()],
    isListening: (fd) => fd === 0,
    localPort: (fd) => table.get(fd)?.port || undefined,
    unreadBytes: (fd) => table.get(fd)?.unreadBytes ?? 0,
    setReceiveBuffer: (fd, bytes) => {
      const descriptor = table.get(fd);
      if (descriptor !== undefined) descriptor.bufferBytes = bytes;
      return true;
    },
    receiveBuffer: (fd) => table.get(fd)?.bufferBytes,
  };
  const options = { receiveBufferBytes: WIDE_BYTES, floodReceiveBufferBytes: NARROW_BYTES };
  const buffers = new ReceiveBuffers(kernel, options, () => Date.now());
  buffers.limit(PORT);
  const open = (fd: number, unreadBytes: number, port = PORT): Descriptor => {
    const descriptor = { port, unreadBytes, bufferBytes: WIDE_BYTES };
    table.set(fd, descriptor);
    return descriptor;
  };
  return { buffers, open };
}

describe('ReceiveBuffers', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('narrows connections with much unread, at once, and nothing else', () => {
    const { buffers, open } = scene();
    const flooder = open(3, WIDE_BYTES);
    const others = [open(4, 100), open(5, WIDE_BYTES, 6379), open(6, WIDE_BYTES, 0)];
    buffers.relieve();
    expect(flooder.bufferBytes).toBe(NARROW_BYTES);
    expect(others.map(({ bufferBytes }) => bufferBytes)).toEqual([WIDE_BYTES, WIDE_BYTES, WIDE_BYTES]);
    expect(buffers.narrowedCount).toBe(1);
  });

  it('looks at a bounded number of descriptors in one turn', async () => {
    const { buffers, open } = scene();
    for (let fd = 1; fd <= 2_000; fd++) open(fd, WIDE_BYTES);
    buffers.relieve();
    expect(buffers.narrowedCount).toBe(511);
    for (let turn = 0; turn < 4; turn++) await vi.advanceTimersByTimeAsync(1);
    expect(buffers.narrowedCount).toBe(2_000);
  });

  it('widens a connection that has had little unread three times in a row', async () => {
    const { buffers, open } = scene();
    const flooder = open(3, WIDE_BYTES);
    buffers.relieve();
    flooder.unreadBytes = 0;
    await vi.advanceTimersByTimeAsync(2_000);
    flooder.unreadBytes = NARROW_BYTES;
    await vi.advanceTimersByTimeAsync(1_000);
    flooder.unreadBytes = 0;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(flooder.bufferBytes).toBe(NARROW_BYTES);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(flooder.bufferBytes).toBe(WIDE_BYTES);
    expect(buffers.narrowedCount).toBe(0);
  });

  it('forgets a connection that has ended, whatever its descriptor stands for now', async () => {
    const { buffers, open } = scene();
    open(3, WIDE_BYTES);
    buffers.relieve();
    const file = open(3, 1_000_000, 0);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(buffers.narrowedCount).toBe(0);
    expect(file.bufferBytes).toBe(WIDE_BYTES);
  });

  it('pauses after a search, and searches no more after it was stopped', async () => {
    const { buffers, open } = scene();
    buffers.relieve();
    await vi.advanceTimersByTimeAsync(0);
    const flooder = open(3, WIDE_BYTES);
    buffers.relieve();
    expect(buffers.narrowedCount).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    buffers.relieve();
    expect(flooder.bufferBytes).toBe(NARROW_BYTES);
    buffers.stop();
    expect(buffers.narrowedCount).toBe(0);
    await vi.advanceTimersByTimeAsync(100);
    buffers.relieve();
    expect(buffers.narrowedCount).toBe(0);
  });

  it('pauses ten times as long as the search took, and 100 ms at most', async () => {
    const { buffers, open } = scene();
    for (let fd = 1; fd <= 2_000; fd++) open(fd, 0);
    buffers.relieve();
    // The search takes four turns, and the turns have other work.
    vi.setSystemTime(Date.now() + 50);
    for (let turn = 0; turn < 4; turn++) await vi.advanceTimersByTimeAsync(1);
    const flooder = open(3, WIDE_BYTES);
    await vi.advanceTimersByTimeAsync(90);
    buffers.relieve();
    expect(flooder.bufferBytes).toBe(WIDE_BYTES);
    await vi.advanceTimersByTimeAsync(10);
    buffers.relieve();
    expect(flooder.bufferBytes).toBe(NARROW_BYTES);
  });
});
