import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { freePort, launch } from './process.js';
import { probeFlags } from './node-flags.js';
import type { Router, RunningRouter, StartOptions } from './router.js';

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

export interface GantryOptions extends StartOptions {
  /** Each router writes a CPU profile there when it is stopped. */
  readonly profileDirectory: string | null;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface RunningGantry extends RunningRouter {
  readonly pid: number;
  readonly opsUrl: string;
}

export const gantryRealm = 'realm1';

/** With a directory given, each router writes a CPU profile into it when it is stopped. */
export function gantry(profileDirectory: string | null): Router {
  return {
    name: 'gantry',
    wire: 'wamp',
    realm: gantryRealm,
    version: (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version,
    start: ({ measuresMemory }) => startGantry({ measuresMemory, profileDirectory }),
  };
}

export async function startGantry({
  measuresMemory,
  profileDirectory,
  environment,
}: GantryOptions): Promise<RunningGantry> {
  const profiling = profileDirectory === null ? [] : ['--cpu-prof', '--cpu-prof-dir', profileDirectory];
  const port = await freePort();
  const opsPort = await freePort();
  const running = await launch({
    name: 'gantry',
    argv: [process.execPath, ...probeFlags(measuresMemory), ...profiling, main, 'start'],
    port,
    path: '/ws',
    environment: {
      ...limits,
      GANTRY_LISTEN_PORT: String(port),
      GANTRY_OPS_PORT: String(opsPort),
      GANTRY_DEMO_ENABLED: 'false',
      ...environment,
    },
    hasProbe: measuresMemory,
    endsByItself: profileDirectory !== null,
  });
  return { ...running, opsUrl: `http://127.0.0.1:${opsPort}` };
}
