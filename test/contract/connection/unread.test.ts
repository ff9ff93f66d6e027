import { setTimeout as pace } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { TransportOptions } from '../../../src/transport/transport-options.js';
import { frameOf, RawSocket } from '../../support/raw-socket.js';
import { UwsScene, type PeerSocket } from '../../support/uws-scene.js';

const PING = 0x89;
const MiB = 1_048_576;

describe('what peers do not read (G7)', () => {
  const scenes: UwsScene[] = [];
  const open = async (options: Partial<TransportOptions> = {}) => {
    const scene = await UwsScene.open(options);
    scenes.push(scene);
    return scene;
  };
  afterEach(async () => {
    await Promise.all(scenes.splice(0).map((scene) => scene.close()));
  });

  it('stays below the bound for all connections within one turn', async () => {
    const bound = 8 * MiB;
    // No reader is cut for what is unread of its own: what the kernel takes of that differs from run to run.
    const scene = await open({ maxTotalUnsentBytes: bound, maxUnsentBytes: bound });
    const readers = [];
    for (let index = 0; index < 12; index++) {
      const { peer, listener } = await scene.connect();
      peer.pause();
      readers.push(listener);
    }
    const message = Buffer.alloc(MiB);
    let highest = 0;
    for (let round = 0; round < 8; round++) {
      for (const { connection } of readers) {
        connection.write(message);
        highest = Math.max(highest, scene.server.unsentBytes());
      }
    }
    // The headers of frames come on top of what was counted when it was queued.
    expect(highest).toBeLessThan(bound + message.length + 1_024);
    expect(highest).toBeGreaterThan(bound / 2);
    expect(scene.counters.limitsReached.total_unsent_bytes).toBeGreaterThan(0);
    expect(readers.some(({ connection }) => connection.isOpen)).toBe(true);
  });

  it('notifies the layer above of a connection that was cut only after the turn that cut it', async () => {
    const scene = await open({ maxUnsentBytes: 65_536 });
    const { peer, listener } = await scene.connect();
    peer.pause();
    while (listener.connection.isOpen) listener.connection.write(Buffer.alloc(65_536));
    expect(listener.isClosed).toBe(false);
    expect(scene.server.unsentBytes()).toBe(0);
    await listener.until(({ isClosed }) => isClosed);
    expect(listener.events).toEqual([{ kind: 'closed' }]);
  });

  it('includes pongs: a peer that sends pings and reads nothing is cut, and others are served', async () => {
    const scene = await open({ maxTotalUnsentBytes: 4 * MiB });
    const flooder = await RawSocket.open(scene.url(), 'wamp.2.json');
    const flooded = scene.listeners.at(-1)!;
    flooder.pause();
    const pings = Buffer.concat(Array.from({ length: 8_000 }, () => frameOf(PING, Buffer.alloc(125))));
    while (!flooded.isClosed) {
      await Promise.race([flooder.drained(pings), flooded.until(({ isClosed }) => isClosed)]);
      expect(scene.server.unsentBytes()).toBeLessThan(4 * MiB + 1_024);
    }
    expect(scene.counters.connectionsClosed.slow_reader).toBe(1);
    const { peer, listener } = await scene.connect();
    listener.connection.write(Buffer.from('still here'));
    await peer.until(({ texts }) => texts[0] === 'still here');
    flooder.drop();
  });

  it('keeps unfinished messages only while there is memory: then it cuts who sends no whole ones', async () => {
    let used = 0;
    const scene = await open({ maxMemoryBytes: 1_000 * MiB, usedMemoryBytes: () => used });
    const hoarder = await RawSocket.open(scene.url(), 'wamp.2.json');
    const hoarding = scene.listeners.at(-1)!;
    const { peer, listener } = await scene.connect();
    hoarder.write(frameOf(0x01, Buffer.alloc(MiB)));
    used = 1_101 * MiB;
    // Its peer goes on sending, and the router goes on reading.
    while (!hoarding.isClosed) {
      const receivedCount = listener.texts.length;
      peer.send('and another thing');
      await listener.until(({ texts }) => texts.length > receivedCount);
    }
    expect(listener.connection.isOpen).toBe(true);
    expect(scene.counters.limitsReached.memory).toBe(1);
    expect(scene.counters.connectionsClosed.limit).toBe(1);
    expect(await scene.tryConnect('wamp.2.json', {})).toMatchObject({ status: 503 });
    expect(scene.counters.connectionsRefused.memory).toBe(1);
    used = 0;
    await until(() => scene.log.of('server.memory_enough').length > 0);
    await scene.connect();
    expect(scene.log.of('server.memory_short')).toMatchObject([{ level: 'warn' }]);
  });

  it(
    'does not end a reader on a slow line while it takes bytes, and ends one that takes none',
    { timeout: 120_000 },
    async () => {
      const scene = await open({ idleTimeoutMs: 8_000 });
      const slow = await scene.connect();
      const stalled = await scene.connect();
      slow.peer.pause();
      stalled.peer.pause();
      const count = 40;
      for (let index = 0; index < count; index++) slow.listener.connection.write(Buffer.alloc(65_536, 0x20));
      stalled.listener.connection.write(Buffer.alloc(65_536, 0x20));
      // At 64 KiB in half a second it takes much longer than the router is silent about.
      while (slow.peer.frames.length < count && !slow.listener.isClosed) {
        await takeSome(slow.peer);
        await pace(500);
      }
      expect(slow.peer.frames).toHaveLength(count);
      await stalled.listener.until(({ isClosed }) => isClosed);
      expect(scene.counters.connectionsClosed).toMatchObject({ idle_timeout: 1, slow_reader: 0, peer: 0 });
    },
  );
});

/** The router looks at its memory ten times a second. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await pace(20);
}

/** Reads what one look at the socket brings. */
async function takeSome(peer: PeerSocket): Promise<void> {
  const before = peer.frames.length;
  peer.resume();
  await Promise.race([peer.until(({ frames }) => frames.length > before), peer.closed]);
  peer.pause();
}
