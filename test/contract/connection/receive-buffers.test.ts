import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { kernelSockets } from '../../../src/transport/bounds/kernel-sockets.js';
import { ReceiveBuffers } from '../../../src/transport/bounds/receive-buffers.js';
import type { TransportOptions } from '../../../src/transport/transport-options.js';
import { selfSignedFiles } from '../../support/certificate.js';
import { UwsScene } from '../../support/uws-scene.js';

const MESSAGE = 'x'.repeat(1_024);
const MESSAGE_COUNT = 8_000;

let scene: UwsScene | undefined;
afterEach(async () => {
  await scene?.close();
  scene = undefined;
});

/** The most that one client brought in one turn of the event loop, of a flood of 8 MB. */
async function mostBytesInOneTurn(options: Partial<TransportOptions>): Promise<number> {
  scene = await UwsScene.open(options);
  const { peer, listener } = await scene.connect('wamp.2.json', { rejectUnauthorized: false });
  let turnBytes = 0;
  let mostBytes = 0;
  listener.onReceived = ({ length }) => {
    if (turnBytes === 0) setImmediate(() => (turnBytes = 0));
    turnBytes += length;
    mostBytes = Math.max(mostBytes, turnBytes);
  };
  for (let index = 0; index < MESSAGE_COUNT; index++) peer.send(MESSAGE);
  await listener.until(({ events }) => events.length === MESSAGE_COUNT);
  return mostBytes;
}

describe('listen.receiveBufferBytes', () => {
  it('bounds what one client brings in one turn (G11)', async () => {
    // Linux reserves twice what was asked for, bookkeeping included.
    expect(await mostBytesInOneTurn({ receiveBufferBytes: 65_536 })).toBeLessThan(2 * 65_536);
    expect(scene?.server.receiveBufferBytes).toBe(65_536);
  });

  it('bounds it with TLS', async () => {
    const tls = selfSignedFiles();
    try {
      expect(await mostBytesInOneTurn({ receiveBufferBytes: 65_536, tls })).toBeLessThan(2 * 65_536);
    } finally {
      tls.remove();
    }
  });

  it('bounds it at an address of IPv6', async () => {
    scene = await UwsScene.open({ host: '::1' });
    expect(scene.server.receiveBufferBytes).toBe(65_536);
  });

  it('0 leaves it to the system, without a warning', async () => {
    expect(await mostBytesInOneTurn({ receiveBufferBytes: 0 })).toBeGreaterThan(2 * 65_536);
    expect(scene?.server.receiveBufferBytes).toBe(0);
    expect(scene?.log.of('server.receive_buffer_unlimited')).toEqual([]);
  });
});

describe('ReceiveBuffers', () => {
  async function listening(): Promise<{ server: Server; port: number }> {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
    });
    return { server, port };
  }

  async function buffers(receiveBufferBytes: number, kernel = kernelSockets()): Promise<ReceiveBuffers> {
    return new ReceiveBuffers(await kernel, { receiveBufferBytes, floodReceiveBufferBytes: 0 }, () => 0);
  }

  it('report what the kernel grants, which may be more or less than asked for', async () => {
    const { server, port } = await listening();
    try {
      const least = (await buffers(1)).limit(port);
      expect(least.kind === 'limited' && least.bytes).toBeGreaterThan(1);
    } finally {
      server.close();
    }
  });

  it('give the reason why they cannot be limited, and never throw', async () => {
    const nobody = await buffers(65_536);
    const reason = 'the socket that listens at port 1 was not found';
    expect(nobody.limit(1)).toEqual({ kind: 'unlimited', reason });
    const elsewhere = await buffers(65_536, kernelSockets('darwin'));
    expect(elsewhere.limit(8080)).toMatchObject({ reason: 'a receive buffer cannot be set on darwin' });
    elsewhere.relieve();
    const noBinary = kernelSockets('linux', () => Promise.reject(new Error('no binary for this platform')));
    const without = await buffers(65_536, noBinary);
    expect(without.limit(8080)).toMatchObject({ reason: expect.stringContaining('no binary for this platform') });
  });
});
