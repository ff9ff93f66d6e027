import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

const FIRST_PORT = 20_000;
/** Ports of one worker of the tests: no other one that runs at the same time takes them. */
const PORT_COUNT = 1_500;
const RANGE_COUNT = 8;
const given = new Set<number>();

/**
 * A port nobody listens on, for a router that is to come back on the same one. Below those that systems hand out by
 * themselves, so that nobody is given it in between; this process gives none twice.
 */
export async function freePort(): Promise<number> {
  const range = Number(process.env['VITEST_POOL_ID'] ?? 0) % RANGE_COUNT;
  if (given.size > PORT_COUNT / 2) given.clear();
  for (;;) {
    const port = FIRST_PORT + range * PORT_COUNT + randomInt(PORT_COUNT);
    if (given.has(port)) continue;
    given.add(port);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue;
    }
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
