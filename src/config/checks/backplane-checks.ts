import type { z } from 'zod';
import type { backplane } from '../schema/backplane-schema.js';

type Backplane = z.output<typeof backplane>;
type Report = (path: readonly PropertyKey[], message: string) => void;

/** Checks what the settings of the backplane mean for each other, and what the longest message means for them. */
export function backplaneFits({ url, redis, cluster }: Backplane, maxMessageBytes: number, report: Report): void {
  accessFits(url, redis, (key, message) => report(['backplane', 'redis', ...key], message));
  timesFit(cluster, redis.commandTimeoutMs, report);
  const { maxBatchBytes, maxUnacknowledgedBytes } = cluster;
  const [least, name] =
    maxBatchBytes >= maxMessageBytes ? [maxBatchBytes, 'maxBatchBytes'] : [maxMessageBytes, 'limits.maxMessageBytes'];
  if (maxUnacknowledgedBytes < least)
    report(['backplane', 'cluster', 'maxUnacknowledgedBytes'], tooSmall(`${name}, which is ${least}`));
}

/** Settings of a store without its URL: each node would run alone without notice. */
export function backplaneIsNamed(written: unknown, report: Report): void {
  if (typeof written !== 'object' || written === null || 'url' in written) return;
  const [section] = ['redis', 'cluster'].filter((key) => key in written);
  if (section === undefined) return;
  const remedy = 'set backplane.url (GANTRY_BACKPLANE_URL), or write url: memory for a node that is to run alone';
  report(
    ['backplane'],
    `backplane.${section} is set and backplane.url is not, so each node would run alone: ${remedy}`,
  );
}

type ReportAccess = (key: readonly string[], message: string) => void;

function accessFits(url: string, { tls, sentinels, cluster }: Backplane['redis'], report: ReportAccess): void {
  if (cluster !== undefined) clusterFits(url, sentinels !== undefined, report);
  if (url === 'memory') return;
  if (sentinels !== undefined && /^unix:/i.test(url))
    report(['sentinels'], 'Sentinels know no unix sockets: write redis:// in backplane.url, or leave them out');
  if (tls === undefined) return;
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined))
    report(['tls'], 'certFile and keyFile belong together: set both or none');
  if (!/^(rediss|valkeys):/i.test(url) && sentinels?.tls !== true)
    report(['tls'], 'Nothing here speaks TLS: write rediss:// in backplane.url, or leave it out');
}

function clusterFits(url: string, hasSentinels: boolean, report: ReportAccess): void {
  if (hasSentinels) report(['cluster'], 'A Redis Cluster has no Sentinels: leave out backplane.redis.sentinels');
  if (url === 'memory' || /^unix:/i.test(url))
    report(['cluster'], 'A Redis Cluster is reached by TCP: write redis:// or rediss:// in backplane.url');
  else if (/^[a-z]+:\/\/[^/]+\/0*[1-9]/i.test(url))
    report(['cluster'], 'A Redis Cluster has only database 0: leave out the database in backplane.url');
}

/** Twice the longest pause between two attempts to connect: what a reconnection takes. */
const RECONNECTION_MS = 1_000;

function timesFit(cluster: Backplane['cluster'], commandTimeoutMs: number, report: Report): void {
  const { leaseMs, renewMs, absentMs, heartbeatMs, probeTimeoutMs, barrierTimeoutMs, reaskMs } = cluster;
  const at = (key: string): readonly string[] => ['backplane', 'cluster', key];
  if (leaseMs < 3 * renewMs) report(at('leaseMs'), tooSmall(`${3 * renewMs}, three times renewMs`));
  if (absentMs !== 0 && absentMs <= RECONNECTION_MS)
    report(at('absentMs'), `Too small: expected 0, or more than ${RECONNECTION_MS}`);
  if (probeTimeoutMs < 2 * heartbeatMs) report(at('probeTimeoutMs'), tooSmall(`${2 * heartbeatMs}, twice heartbeatMs`));
  if (barrierTimeoutMs <= leaseMs)
    report(at('barrierTimeoutMs'), `Too small: expected more than leaseMs, which is ${leaseMs}`);
  if (reaskMs >= barrierTimeoutMs)
    report(at('reaskMs'), `Too big: expected less than barrierTimeoutMs, which is ${barrierTimeoutMs}`);
  if (commandTimeoutMs >= leaseMs) {
    const path = ['backplane', 'redis', 'commandTimeoutMs'];
    report(path, `Too big: expected less than backplane.cluster.leaseMs, which is ${leaseMs}`);
  }
}

function tooSmall(least: string): string {
  return `Too small: expected at least ${least}`;
}
