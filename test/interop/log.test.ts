import { expect, it } from 'vitest';
import { MemoryHub } from '../../src/backplane/memory/hub.js';
import { parseConfig } from '../../src/config/load.js';
import { startNode } from '../../src/node/node.js';
import type { NodeId } from '../../src/wamp/ids.js';
import { cleanups } from '../support/cluster.js';
import { RawClient } from '../support/raw-client.js';
import { RecordingLogger } from '../support/recording-logger.js';

const onCleanup = cleanups();
const hub = new MemoryHub();

const config = parseConfig({
  listen: { port: 0 },
  ops: { enabled: false },
  demo: { enabled: false },
  realmTemplate: {
    names: [{ uri: 'made.', match: 'prefix' }],
    idleMs: 1_000,
    roles: [{ name: 'anonymous', permissions: [] }],
  },
});

async function start(name: string) {
  const logger = new RecordingLogger();
  const node = await startNode(config, { logger, backplane: () => hub.join(name as NodeId) });
  onCleanup(() => node.stop());
  return { logger, node };
}

it('reports who came and went, and which realms were made for them', async () => {
  const { logger, node } = await start('a');
  const client = await RawClient.join(node.addresses.ws, { realm: 'made.here' });
  onCleanup(() => client.drop());
  client.drop();
  await logger.until('realm.removed');
  const life = logger.lines.filter(({ event }) => /^(connection|session|realm)\./.test(event));
  expect(life.map(({ level, event, fields }) => [level, event, fields.realm])).toEqual([
    ['debug', 'connection.opened', undefined],
    ['info', 'realm.created', 'made.here'],
    ['debug', 'session.opened', 'made.here'],
    ['debug', 'connection.closed', undefined],
    ['debug', 'session.closed', 'made.here'],
    ['info', 'realm.removed', 'made.here'],
  ]);
  expect(logger.of('session.opened')[0]?.fields.session).toBe(client.session);
});

it('reports that another node has gone', async () => {
  const [{ logger }, other] = [await start('b'), await start('c')];
  await other.node.stop();
  await logger.until('backplane.node_gone');
  expect(logger.of('backplane.node_gone')).toEqual([
    { level: 'info', event: 'backplane.node_gone', fields: { peer: 'c' } },
  ]);
});
