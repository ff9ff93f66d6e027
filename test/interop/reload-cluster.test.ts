import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { GantryProcess } from '../support/gantry-process.js';
import { RawClient } from '../support/raw-client.js';
import { startRedis } from '../support/redis.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-reload-'));
const file = join(folder, 'gantry.json');
afterAll(() => rmSync(folder, { recursive: true }));

function write(url: string, names: readonly string[]): void {
  const permissions = [{ uri: '', match: 'prefix', allow: { call: true, register: true } }];
  const realms = names.map((name) => ({ name, roles: [{ name: 'anonymous', permissions }] }));
  writeFileSync(
    file,
    JSON.stringify({ realms, backplane: { url }, demo: { enabled: false }, log: { format: 'json' } }),
  );
}

it('adds and removes a realm on two nodes, and refuses one that the cluster cannot be asked for (G2)', async () => {
  const redis = await startRedis();
  write(redis.url, ['old']);
  const nodes = [1, 2].map(() => new GantryProcess(['start', '--config', file, '--port', '0', '--ops-port', '0']));
  try {
    const urls = await Promise.all(nodes.map((node) => node.ready()));
    const reload = (words: RegExp): Promise<unknown> =>
      Promise.all(
        nodes.map((node) => {
          const from = node.text('stderr').length;
          node.signal('SIGHUP');
          return node.printed('stderr', words, from);
        }),
      );
    write(redis.url, ['old', 'new']);
    await reload(/config\.reloaded/);
    const [callee, caller] = await Promise.all(urls.map((url) => RawClient.join(url, { realm: 'new' })));
    await callee!.register('echo');
    caller!.call('echo', [1]);
    const [, invocation] = await callee!.expect(68);
    callee!.send([70, invocation, {}, [2]]);
    expect((await caller!.expect(50))[3]).toEqual([2]);

    write(redis.url, ['old']);
    await reload(/config\.reloaded/);
    for (const client of [callee, caller]) expect((await client!.expect(6))[2]).toBe('wamp.close.close_realm');
    write(redis.url, ['old', 'new']);
    await reload(/config\.reloaded/);
    const again = await RawClient.join(urls[0]!, { realm: 'new' });
    again.call('echo');
    expect((await again.expect(8))[4]).toBe('wamp.error.no_such_procedure');

    await redis.stop();
    write(redis.url, ['old', 'new', 'newer']);
    await reload(/config\.refused/);
    expect(await again.fence()).toEqual([]);
  } finally {
    for (const node of nodes) node.signal('SIGKILL');
    await Promise.all(nodes.map((node) => node.exit));
    await redis.stop().catch(() => undefined);
  }
});
