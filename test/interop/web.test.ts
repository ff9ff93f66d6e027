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
import { launchChromium } from '../support/chromium.js';
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

/** A recording of silence: 8,000 octets are one second. */
function silence(seconds: number): Buffer {
  const bytes = 8_000 * seconds;
  const file = Buffer.alloc(44 + bytes, 128);
  file.write('RIFF');
  file.writeUInt32LE(36 + bytes, 4);
  file.write('WAVEfmt ', 8);
  for (const [at, value] of [16, 0x1_0001, 8_000, 8_000, 0x8_0001].entries()) file.writeUInt32LE(value, 16 + 4 * at);
  file.write('data', 36);
  file.writeUInt32LE(bytes, 40);
  return file;
}

it('Chromium plays a recording from its middle, which it asks for as a range', async () => {
  writeFileSync(join(directory, 'long.wav'), silence(2_000));
  const node = await start({ '/': { type: 'static', directory } });
  onTestFinished(() => node.stop());
  const browser = await launchChromium();
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  const parts: { readonly from: number; readonly status: number }[] = [];
  page.on('response', (response) => {
    const [, from] = /^bytes=(\d+)-/.exec(response.request().headers()['range'] ?? '') ?? [];
    if (from !== undefined) parts.push({ from: Number(from), status: response.status() });
  });
  await page.goto(node.addresses.ws.replace(/^ws/, 'http').replace(/\/ws$/, '/'));
  const state = await page.evaluate<number[]>(`new Promise((resolve, reject) => {
    const audio = document.body.appendChild(new Audio('long.wav'));
    audio.onerror = () => reject(new Error(audio.error.message));
    audio.onloadedmetadata = () => (audio.currentTime = 1_500);
    audio.onseeked = () => resolve([audio.duration, audio.currentTime]);
  })`);
  expect(state).toEqual([2_000, 1_500]);
  expect(new Set(parts.map(({ status }) => status))).toEqual(new Set([206]));
  // Not far before the place to play, and not what lies in front of it.
  expect(parts.filter(({ from }) => from > 11_000_000 && from <= 44 + 1_500 * 8_000)).not.toEqual([]);
});
