import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory, runTool } from './install.js';
import { freePort, launch } from './process.js';
import type { Router } from './router.js';

// A fixed version, so that figures of different days compare.
const version = 'v3.2.2';
const moduleName = 'github.com/gammazero/nexus/v3';

/** Builds nexusd once. Throws a BenchError where Go, or the module, is not to be had. */
export async function installNexus(): Promise<Router> {
  const directory = join(cacheDirectory, `nexus-${version}`);
  const binary = join(directory, 'nexusd');
  if (!existsSync(binary)) await build(directory, binary);
  return nexus(directory, binary);
}

async function build(directory: string, binary: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  // A module of its own rather than `go install`: that asks the proxy for more than this version, and not all answer.
  await writeFile(join(directory, 'go.mod'), 'module bench/nexus\n\ngo 1.21\n');
  await runTool(['go', 'get', `${moduleName}@${version}`], directory);
  await runTool(['go', 'build', '-mod=mod', '-o', binary, `${moduleName}/nexusd`], directory);
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
