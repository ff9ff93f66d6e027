import { isDict, own } from '../wamp/dict.js';
import { isId } from '../wamp/ids.js';
import type { MatchPolicy } from '../wamp/options.js';

/** The id of a registration or subscription, and how it matches. */
export interface Listed {
  readonly id: number;
  readonly match: MatchPolicy;
}

const POLICIES = ['exact', 'prefix', 'wildcard'] as const satisfies readonly MatchPolicy[];

/** All three keys are always there. */
export function idsByPolicy(all: readonly Listed[]): Readonly<Record<MatchPolicy, readonly number[]>> {
  const ids: Record<MatchPolicy, number[]> = { exact: [], prefix: [], wildcard: [] };
  for (const { id, match } of all) ids[match].push(id);
  return ids;
}

/** Ids by policy, as another node lists them. Undefined: the value has another shape. */
export function readIdsByPolicy(value: unknown): readonly Listed[] | undefined {
  if (!isDict(value)) return undefined;
  const all: Listed[] = [];
  for (const match of POLICIES) {
    const ids = own(value, match);
    if (!Array.isArray(ids) || !ids.every(isId)) return undefined;
    for (const id of ids) all.push({ id, match });
  }
  return all;
}
