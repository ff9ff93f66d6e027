import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BenchError } from '../failure.js';
import { realmWithLogins } from '../load/logins.js';
import { freePort, launch } from './process.js';
import { probeFlags } from './node-flags.js';
import type { Router, RunningRouter, StartOptions } from './router.js';

const checkout = fileURLToPath(new URL('../../../', import.meta.url));

/** Limits that protect a router from untrusted clients stand in a bench's way; everything else is the default. */
const limits = {
  GANTRY_LIMITS_MAX_CONNECTIONS: '200000',
  GANTRY_LIMITS_MAX_CONNECTIONS_PER_ADDRESS: '200000',
  GANTRY_LIMITS_MAX_SESSIONS: '200000',
  GANTRY_LIMITS_MAX_SUBSCRIPTIONS_PER_SESSION: '200000',
  GANTRY_LIMITS_MAX_PENDING_CALLS_PER_SESSION: '200000',
  GANTRY_LIMITS_MAX_HANDSHAKES_PER_SECOND: '0',
};

export interface GantryOptions extends StartOptions {
  /** Each router writes a CPU profile there when it is stopped. */
  readonly profileDirectory: string | null;
  /** The built checkout to run; absent: this one. */
  readonly directory?: string;
  /** The cores that it may use; absent: that of the routers. */
  readonly cores?: string;
}

export interface RunningGantry extends RunningRouter {
  readonly pid: number;
  readonly opsUrl: string;
}

export const gantryRealm = 'realm1';

/** With a directory given, each router writes a CPU profile into it when it is stopped. */
export function gantry(profileDirectory: string | null): Router {
  return gantryIn(checkout, 'gantry', profileDirectory);
}

/** Another built checkout of Gantry, to be measured beside this one. */
export function gantryBefore(directory: string): Router {
  if (!existsSync(join(directory, 'dist', 'main.js')))
    throw new BenchError(`--beside: there is no dist/main.js in ${directory}: run npm ci && npm run build there`);
  return gantryIn(directory, 'before', null);
}

function gantryIn(directory: string, name: string, profileDirectory: string | null): Router {
  const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { version: string };
  return {
    name,
    wire: 'wamp',
    realm: gantryRealm,
    version: manifest.version,
    start: (options) => startGantry({ ...options, profileDirectory, directory }),
  };
}

export async function startGantry({
  measuresMemory,
  servesSite = false,
  hasLogins = false,
  profileDirectory,
  environment,
  directory = checkout,
  cores,
}: GantryOptions): Promise<RunningGantry> {
  const profiling = profileDirectory === null ? [] : ['--cpu-prof', '--cpu-prof-dir', profileDirectory];
  const port = await freePort();
  const opsPort = await freePort();
  const running = await launch({
    name: 'gantry',
    argv: [process.execPath, ...probeFlags(measuresMemory), ...profiling, join(directory, 'dist', 'main.js'), 'start'],
    port,
    path: '/ws',
    ...(cores !== undefined && { cores }),
    environment: {
      ...limits,
      GANTRY_LISTEN_PORT: String(port),
      GANTRY_OPS_PORT: String(opsPort),
      GANTRY_DEMO_ENABLED: String(servesSite),
      ...(hasLogins && { GANTRY_REALMS: JSON.stringify([realmWithLogins(gantryRealm)]) }),
      ...environment,
    },
    hasProbe: measuresMemory,
    endsByItself: profileDirectory !== null,
  });
  return { ...running, opsUrl: `http://127.0.0.1:${opsPort}` };
}
