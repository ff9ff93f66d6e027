import type { InvocationPolicy, MatchPolicy } from '../../../src/wamp/options.js';
import type { Plan } from '../checker/journal.js';
import type { Role } from './member.js';

export const TOPICS = ['com.load.t0', 'com.load.t1', 'com.load.t2', 'com.load.t3'] as const;
export const SHARED = ['com.work.first', 'com.work.random', 'com.work.roundrobin'] as const;

export const PLAIN: Plan = { delayMs: 0, progressCount: 0, reply: 'result' };
export const PROGRESSIVE: Plan = { delayMs: 40, progressCount: 5, reply: 'result' };
export const SLOW: Plan = { delayMs: 300, progressCount: 0, reply: 'result' };
const FAILING: Plan = { delayMs: 0, progressCount: 0, reply: 'error' };
const SILENT: Plan = { delayMs: 0, progressCount: 0, reply: 'silence' };

/** What callers ask for, in turn. */
export const KINDS: readonly {
  readonly plan: Plan;
  readonly timeoutMs?: number;
  readonly cancel?: 'kill' | 'killnowait';
}[] = [
  { plan: PLAIN },
  { plan: PROGRESSIVE },
  { plan: PLAIN },
  { plan: SLOW },
  { plan: FAILING },
  { plan: PLAIN },
  { plan: SILENT, timeoutMs: 400 },
  { plan: PLAIN },
  { plan: { ...PROGRESSIVE, delayMs: 5 } },
  { plan: SILENT, cancel: 'kill' },
  { plan: PLAIN },
  { plan: SILENT, cancel: 'killnowait' },
];

export function ownProcedure(home: number): string {
  return `com.work.own${home}`;
}

export function subscriber(home: number, match: MatchPolicy): Role {
  const patterns = { exact: ['com.load.t0', 'com.load.t1'], prefix: ['com.load'], wildcard: ['com..t2', 'com.load.'] };
  const serializers = { exact: 'json', prefix: 'msgpack', wildcard: 'cbor' } as const;
  return {
    name: `${match}${home}`,
    home,
    serializer: serializers[match],
    subscriptions: patterns[match].map((pattern) => [pattern, match] as const),
  };
}

export function callee(home: number): Role {
  return {
    name: `callee${home}`,
    home,
    registrations: [
      [ownProcedure(home), {}] as const,
      ...SHARED.map(
        (procedure) => [procedure, { invoke: procedure.split('.')[2] as InvocationPolicy, concurrency: 64 }] as const,
      ),
    ],
  };
}
