import { CLUSTER_MODE, NO_CLUSTER_MODE, tooOld } from './store-errors.js';

/** The properties of a server that matter here. */
export interface ServerInfo {
  readonly version: string;
  /** Random, new with each server process. */
  readonly runId: string;
  readonly isCluster: boolean;
  readonly isReplica: boolean;
  readonly isLoading: boolean;
  /** Whether it may evict keys by itself. */
  readonly isEvicting: boolean;
  readonly evictionPolicy: string;
}

/** Reads the reply of INFO. Throws TypeError for anything else. */
export function parseServerInfo(raw: unknown): ServerInfo {
  if (typeof raw !== 'string') throw new TypeError(`INFO replied ${typeof raw}`);
  const fields = new Map<string, string>();
  for (const line of raw.split('\r\n')) {
    const at = line.indexOf(':');
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1));
  }
  const of = (name: string): string => fields.get(name) ?? '';
  const evictionPolicy = of('maxmemory_policy');
  const isBounded = of('maxmemory') !== '' && of('maxmemory') !== '0';
  return {
    version: of('redis_version'),
    runId: of('run_id'),
    isCluster: of('cluster_enabled') === '1',
    isReplica: of('role') === 'slave',
    isLoading: of('loading') === '1',
    isEvicting: isBounded && evictionPolicy !== 'noeviction' && evictionPolicy !== '',
    evictionPolicy,
  };
}

/** Returns why the server can never be used as it is; undefined: it can. */
export function unfitness({ version, isCluster }: ServerInfo, wantsCluster = false): string | undefined {
  if (isCluster !== wantsCluster) return isCluster ? CLUSTER_MODE : NO_CLUSTER_MODE;
  const major = /^\d+/.exec(version)?.[0];
  return major !== undefined && Number(major) < 7 ? tooOld(version) : undefined;
}

/** Returns why the server cannot be used yet; undefined: it can. */
export function hindrance({ isLoading, isReplica }: ServerInfo): string | undefined {
  if (isLoading) return 'Redis is still loading its data';
  if (isReplica) return 'Redis is a replica, which takes no writes';
  return undefined;
}
