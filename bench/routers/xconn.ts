import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installGoServer } from './go-module.js';
import { freePort, launch } from './process.js';
import type { Router } from './router.js';

const version = 'v0.1.0';

export async function installXconn(): Promise<Router> {
  const module = 'github.com/xconnio/xconn-go';
  const { directory, binary } = await installGoServer({ name: 'nxt', module, version, command: 'cmd/nxt' });
  return {
    name: 'xconn',
    wire: 'wamp',
    realm: 'realm1',
    version: `xconn ${version}`,
    // Its events in other serializers are longer than the load generator expects; with 32 publications outstanding it drops some events.
    serializers: ['json'],
    maxOutstanding: 16,
    start: async () => {
      const port = await freePort();
      const folder = join(directory, String(process.pid));
      await mkdir(join(folder, '.nxt'), { recursive: true });
      await writeFile(join(folder, '.nxt', 'config.yaml'), configuration(port));
      return launch({ name: 'xconn', argv: [binary, 'start', '-c', folder], port, path: '/ws' });
    },
  };
}

/** JSON is YAML. No debug log. */
function configuration(port: number): string {
  const permission = { allow_call: true, allow_register: true, allow_publish: true, allow_subscribe: true };
  return JSON.stringify({
    version: '1',
    config: { loglevel: 'error', management: false },
    realms: [
      { name: 'realm1', roles: [{ name: 'anonymous', permissions: [{ uri: '', match: 'prefix', ...permission }] }] },
    ],
    transports: [
      {
        type: 'websocket',
        listener: 'tcp',
        address: `127.0.0.1:${port}`,
        serializers: ['json', 'cbor', 'msgpack'],
      },
    ],
    authenticators: { anonymous: [{ authid: 'anonymous', realm: 'realm1', role: 'anonymous' }] },
  });
}
