import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { freePort, launch } from './process.js';
import { probeFlags } from './node-flags.js';
import type { Router } from './router.js';

const main = fileURLToPath(new URL('../../../dist/main.js', import.meta.url));
const manifest = new URL('../../../package.json', import.meta.url);

/** Limits that protect a router from strangers stand in a bench's way; everything else is the default. */
const limits = {
  GANTRY_LIMITS_MAX_CONNECTIONS: '200000',
  GANTRY_LIMITS_MAX_CONNECTIONS_PER_ADDRESS: '200000',
  GANTRY_LIMITS_MAX_SESSIONS: '200000',
  GANTRY_LIMITS_MAX_SUBSCRIPTIONS_PER_SESSION: '200000',
  GANTRY_LIMITS_MAX_PENDING_CALLS_PER_SESSION: '200000',
};

/** With a directory given, each router writes a CPU profile into it when it is stopped. */
export function gantry(profileDirectory: string | null): Router {
  const profiling = profileDirectory === null ? [] : ['--cpu-prof', '--cpu-prof-dir', profileDirectory];
  return {
    name: 'gantry',
    wire: 'wamp',
    realm: 'realm1',
    version: (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version,
    start: async ({ measuresMemory }) => {
      const port = await freePort();
      const opsPort = await freePort();
      const argv = [process.execPath, ...probeFlags(measuresMemory), ...profiling, main, 'start'];
      const environment = {
        ...limits,
        GANTRY_LISTEN_PORT: String(port),
        GANTRY_OPS_PORT: String(opsPort),
        GANTRY_DEMO_ENABLED: 'false',
      };
      return launch({
        name: 'gantry',
        argv,
        port,
        path: '/ws',
        environment,
        hasProbe: measuresMemory,
        endsByItself: profileDirectory !== null,
      });
    },
  };
}
