import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory, runTool } from './install.js';
import { freePort, launch } from './process.js';
import type { Router } from './router.js';

// A fixed version, so that figures of different days compare.
const version = '26.10.1';

/** Installs Crossbar.io once. Throws a BenchError where Python, or the package, is not to be had. */
export async function installCrossbar(): Promise<Router> {
  const directory = join(cacheDirectory, `crossbar-${version}`);
  const binary = join(directory, 'venv', 'bin', 'crossbar');
  if (!existsSync(binary)) {
    await mkdir(directory, { recursive: true });
    await runTool(['python3', '-m', 'venv', 'venv'], directory);
    await runTool(['venv/bin/pip', 'install', `crossbar==${version}`], directory);
  }
  const python = (await runTool(['venv/bin/python', '-VV'], directory)).trim().split('\n')[0] ?? '';
  return crossbar(directory, binary, python);
}

function crossbar(directory: string, binary: string, python: string): Router {
  return {
    name: 'crossbar',
    wire: 'wamp',
    realm: 'realm1',
    version: `Crossbar.io ${version} on ${python}`,
    start: async () => {
      const port = await freePort();
      const node = join(directory, `node-${process.pid}`);
      await rm(node, { recursive: true, force: true });
      await mkdir(node, { recursive: true });
      await writeFile(join(node, 'config.json'), JSON.stringify(configuration(port)));
      const argv = [binary, 'start', '--cbdir', node, '--loglevel', 'warn'];
      return launch({ name: 'crossbar', argv, port, path: '/', startTimeoutMs: 120_000 });
    },
  };
}

/** One router worker, static permissions that it may cache, nothing between the socket and the router. */
function configuration(port: number): object {
  const allow = { call: true, register: true, publish: true, subscribe: true };
  const disclose = { caller: false, publisher: false };
  return {
    version: 2,
    controller: {},
    workers: [
      {
        type: 'router',
        realms: [
          {
            name: 'realm1',
            roles: [{ name: 'anonymous', permissions: [{ uri: '', match: 'prefix', allow, disclose, cache: true }] }],
          },
        ],
        transports: [
          {
            type: 'websocket',
            endpoint: { type: 'tcp', port, interface: '127.0.0.1', backlog: 1024 },
            serializers: ['cbor', 'msgpack', 'json'],
            options: { tcp_nodelay: true, max_message_size: 1_048_576, max_frame_size: 1_048_576 },
          },
        ],
      },
    ],
  };
}
