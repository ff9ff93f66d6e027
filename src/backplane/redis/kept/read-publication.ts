import type { Publication } from '../../../routing/ports.js';
import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import { unpackPublication } from '../../kept-publication.js';

/** Undefined: this release cannot read the row. It is counted, and ignored. */
export function readPublication(
  row: Uint8Array,
  { rowsIgnored }: Pick<ClusterCounters, 'rowsIgnored'>,
): Publication | undefined {
  const publication = unpackPublication(row);
  if (typeof publication !== 'string') return publication;
  rowsIgnored[publication]++;
  return undefined;
}
