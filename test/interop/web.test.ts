import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { MemoryHub } from '../../src/backplane/memory/hub.js';
import { parseConfig } from '../../src/config/load.js';
import type { ConfigInput } from '../../src/config/schema.js';
import { startNode } from '../../src/node/node.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { NodeId } from '../../src/wamp/ids.js';
import { RawClient } from '../support/raw-client.js';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-web-'));
  writeFileSync(join(directory, 'index.html'), '<!doctype html>');
});
afterAll(() => rmSync(directory, { recursive: true }));

function start(paths: NonNullable<ConfigInput['web']>['paths'], listeners: ConfigInput['listeners'] = []) {
  const config = parseConfig({
    listen: { port: 0 },
    ops: { enabled: false },
    demo: { enabled: false },
    drain: { periodMs: 0 },
    web: { paths },
    listeners,
  });
  const hub = new MemoryHub();
  return startNode(config, { logger: silentLogger, backplane: () => hub.join('n1' as NodeId) });
}

it('a node serves files, values and redirects beside its WebSocket', async () => {
  const node = await start({
    '/': { type: 'static', directory, spaFallback: 'index.html' },
    '/config.json': { type: 'json', value: { realm: 'realm1' } },
    '/old': { type: 'redirect', url: '/config.json', status: 307 },
  });
  onTestFinished(() => node.stop());
  const { ws } = node.addresses;
  const base = ws.replace(/^ws/, 'http').replace(/\/ws$/, '');
  expect(await (await fetch(`${base}/users/7`)).text()).toBe('<!doctype html>');
  expect(await (await fetch(`${base}/old`)).json()).toEqual({ realm: 'realm1' });
  const client = await RawClient.join(ws);
  onTestFinished(() => client.close());
});

it('a node does not start without one of its directories', async () => {
  await expect(start({ '/': { type: 'static', directory: join(directory, 'missing') } })).rejects.toThrow(
    /^web\.paths\.\/: ".*missing" is no directory/,
  );
  const paths = { '/a': { type: 'static' as const, directory: join(directory, 'missing') } };
  await expect(start({}, [{ type: 'websocket', port: 0, web: { paths } }])).rejects.toThrow(
    /^listeners\[0\]\.web\.paths\.\/a: ".*missing" is no directory/,
  );
});
