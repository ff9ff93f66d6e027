import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installGoServer } from './go-module.js';
import { freePort, launch } from './process.js';
import type { Router } from './router.js';

const version = 'v3.2.2';

export async function installNexus(): Promise<Router> {
  const module = 'github.com/gammazero/nexus/v3';
  const { directory, binary } = await installGoServer({ name: 'nexusd', module, version, command: 'nexusd' });
  return nexus(directory, binary);
}

function nexus(directory: string, binary: string): Router {
  return {
    name: 'nexus',
    wire: 'wamp',
    realm: 'realm1',
    version: `nexusd ${version}`,
    start: async () => {
      const port = await freePort();
      const file = join(directory, `nexus-${process.pid}.json`);
      await writeFile(file, JSON.stringify(configuration(port)));
      return launch({ name: 'nexus', argv: [binary, '-c', file], port, path: '/ws' });
    },
  };
}

/** No heartbeats, compression or debug log; the outbound queue long enough that no event is dropped. */
function configuration(port: number): object {
  return {
    websocket: {
      address: `127.0.0.1:${port}`,
      keep_alive: 0,
      enable_compression: false,
      allow_origins: ['*'],
      out_queue_size: 65_536,
    },
    log_path: '',
    router: {
      realms: [{ uri: 'realm1', strict_uri: false, allow_disclose: false, anonymous_auth: true }],
      debug: false,
    },
  };
}
