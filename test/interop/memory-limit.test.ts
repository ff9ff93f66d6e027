import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { GantryProcess } from '../support/gantry-process.js';
import { MemoryLimit } from '../support/memory-limit.js';
import { ALL_ROLES, RawClient } from '../support/raw-client.js';
import { frameOf, maskedFrame, RawSocket } from '../support/raw-socket.js';

const MEBIBYTE = 1_048_576;
const LIMIT_BYTES = 256 * MEBIBYTE;
const ATTACK_MS = 8_000;
const FIRST_FRAGMENT = 0x01;

const sockets: RawSocket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.drop();
});

/** A node with defaults that may use as much memory as a small container has. */
async function startLimited(): Promise<{ url: string; limit: MemoryLimit; router: GantryProcess }> {
  const limit = new MemoryLimit(LIMIT_BYTES);
  const router = new GantryProcess(['--port', '0', '--ops-port', '0'], {}, undefined, limit.prefix);
  onTestFinished(async () => {
    router.signal('SIGKILL');
    await router.exit;
    limit.remove();
  });
  return { url: await router.ready(), limit, router };
}

async function open(url: string): Promise<RawSocket> {
  const socket = await RawSocket.open(url, 'wamp.2.json');
  sockets.push(socket);
  return socket;
}

async function join(url: string): Promise<RawSocket> {
  const socket = await open(url);
  socket.write(frame([Code.HELLO, 'realm1', { roles: ALL_ROLES }]));
  await socket.receiveFrame();
  return socket;
}

function frame(message: unknown[]): Buffer {
  return maskedFrame('json', Buffer.from(JSON.stringify(message)));
}

const ATTACKS: Readonly<Record<string, (url: string) => Promise<void>>> = {
  'readers that stall while much is published to them': async (url) => {
    for (let index = 0; index < 50; index++) {
      const reader = await join(url);
      reader.write(frame([Code.SUBSCRIBE, 1, {}, 'com.example.busy']));
      await reader.receiveFrame();
      reader.pause();
    }
    const publisher = await join(url);
    await publisher.flood(frame([Code.PUBLISH, 1, {}, 'com.example.busy', ['x'.repeat(100_000)]]), ATTACK_MS);
  },
  'messages that are begun and never finished': async (url) => {
    const part = frameOf(FIRST_FRAGMENT, Buffer.alloc(1_000_000, 97));
    for (let index = 0; index < 600; index++) {
      // Refused while memory is short, which is the wanted answer.
      const socket = await join(url).catch(() => undefined);
      socket?.write(part);
    }
    await sleep(ATTACK_MS);
  },
  'floods of messages that wait': async (url) => {
    const publications = Buffer.concat(
      Array<Buffer>(200).fill(frame([Code.PUBLISH, 1, {}, 'com.example.topic', ['x'.repeat(300)]])),
    );
    const flooders = await Promise.all(Array.from({ length: 80 }, () => join(url)));
    await Promise.all(flooders.map((flooder) => flooder.flood(publications, ATTACK_MS)));
  },
};

describe.skipIf(!MemoryLimit.isPossible)(
  'a node with 256 MiB of memory and default limits',
  { timeout: 120_000 },
  () => {
    it.each(Object.keys(ATTACKS))('outlives %s, and serves others afterwards', async (attack) => {
      const { url, limit, router } = await startLimited();
      const innocent = await RawClient.join(url);
      onTestFinished(() => innocent.drop());
      await ATTACKS[attack]?.(url);
      expect(limit.killCount).toBe(0);
      expect(router.child.exitCode).toBeNull();
      for (const socket of sockets.splice(0)) socket.drop();
      // Those that may have been ended for the memory of others come back.
      for (;;) {
        const client = await RawClient.join(url).catch(() => undefined);
        if (client !== undefined) {
          await client.publishAcknowledged('com.example.topic');
          client.drop();
          break;
        }
        await sleep(100);
      }
    });
  },
);
