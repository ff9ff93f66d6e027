import fc from 'fast-check';
import type { CancelMode, InvocationPolicy, MatchPolicy } from '../../src/wamp/options.js';

/** Shorter than the longest wait of a schedule, so that it passes in some schedules. */
export const INTERRUPT_TIMEOUT_MS = 100;

/** Everything that decides what happens in one simulated cluster: the same schedule gives the same history. */
export interface Schedule {
  readonly nodeCount: number;
  /** What may go wrong; steps of other kinds are left out. */
  readonly faults: Faults;
  /** The realm has the meta API and retains events; a session on each node receives the meta events. Absent in older cases: not. */
  readonly hasMetaApi?: boolean;
  /** Parts of the store, over which the nodes run the backplane over Redis. Absent: one store in memory, which is never divided. */
  readonly partCount?: number;
  /** Messages a lane delivers at a time. */
  readonly batchCount: number;
  /** Subscriptions, receivers and other holdings in one part of long work. Absent in older cases: no work is long. */
  readonly partSize?: number;
  /** Seeds the delays of the lanes and every choice the routers make. */
  readonly seed: number;
  /** Taken at once before the others, then given time: what most of a cluster's life begins with. */
  readonly setup: readonly Step[];
  readonly steps: readonly Step[];
}

export type Faults =
  | 'none'
  | 'deaths'
  | 'losses'
  | 'returns'
  | 'isolation'
  | 'partitions'
  | 'fencing'
  | 'robberies'
  | 'emptying'
  | 'all'
  | PartFaults;

/** Faults of single parts of the store. */
export type PartFaults = 'outages' | 'take-overs' | 'emptied-parts' | 'all-parts';

/** What the callee does with the call. */
export interface Plan {
  readonly reply: 'result' | 'error' | 'unavailable' | 'silence';
  readonly progressCount: number;
  readonly delayMs: number;
}

/** Numbers choose among what there is, counted round. `pauseMs` passes before. */
export type Step = { readonly pauseMs: number } & (
  | { readonly what: 'join'; readonly node: number; readonly features: 'all' | 'few' }
  | { readonly what: 'leave'; readonly client: number }
  | { readonly what: 'subscribe'; readonly client: number; readonly topic: number }
  | { readonly what: 'unsubscribe'; readonly client: number; readonly which: number }
  | {
      readonly what: 'publish';
      readonly client: number;
      readonly topic: number;
      readonly count: number;
      readonly acknowledge: boolean;
      readonly excludeMe: boolean;
      readonly audience: AudienceChoice;
    }
  | {
      readonly what: 'register';
      readonly client: number;
      readonly procedure: number;
      readonly invoke: InvocationPolicy;
      readonly force: boolean;
      readonly concurrency: number;
    }
  | { readonly what: 'unregister'; readonly client: number; readonly which: number }
  | {
      readonly what: 'call';
      readonly client: number;
      readonly procedure: number;
      readonly count: number;
      /** 0: none. */
      readonly timeoutMs: number;
      readonly receiveProgress: boolean;
      /** Further chunks of a progressive call. */
      readonly chunkCount: number;
      readonly plan: Plan;
    }
  | { readonly what: 'cancel'; readonly client: number; readonly which: number; readonly mode: CancelMode }
  | { readonly what: 'wait'; readonly forMs: number }
  | { readonly what: 'start' }
  | { readonly what: 'stop'; readonly node: number }
  | { readonly what: 'kill'; readonly node: number; readonly keptCount: number; readonly leaseMs: number }
  | { readonly what: 'lose'; readonly from: number; readonly to: number }
  /** The next message finds no listener, and its sender knows. */
  | { readonly what: 'return'; readonly from: number; readonly to: number }
  /** `returns`: frames under way to it go back. */
  | { readonly what: 'isolate'; readonly node: number; readonly returns?: boolean }
  /** Two nodes lose each other, and nobody else. */
  | { readonly what: 'part'; readonly from: number; readonly to: number; readonly returns?: boolean }
  /** The directory has lost everything, and each node writes its own again. */
  | { readonly what: 'empty' }
  /** Cut off, and declared dead after that time unless it is back. */
  | { readonly what: 'declare-dead'; readonly node: number; readonly leaseMs: number }
  /** The directory has lost the node's callees for good. */
  | { readonly what: 'lose-callees'; readonly node: number }
  | { readonly what: 'heal'; readonly node: number }
  | PartStep
);

/** A step that concerns one part of the store. */
export type PartStep =
  /** No node reaches it for a while. `restarts`: another process comes back, with the same data. */
  | { readonly what: 'away'; readonly part: number; readonly forMs: number; readonly restarts: boolean }
  /** One node does not reach it for a while. */
  | { readonly what: 'lose-part'; readonly node: number; readonly part: number; readonly forMs: number }
  /** From now on its replica does not follow it. */
  | { readonly what: 'fall-behind'; readonly part: number }
  /** Its replica takes over, which the others learn within `lateMs`. `goesOn`: so does the former primary, and goes on until then. */
  | { readonly what: 'take-over'; readonly part: number; readonly lateMs: number; readonly goesOn: boolean }
  /** It has lost its data. `restarts`: with its process. */
  | { readonly what: 'empty-part'; readonly part: number; readonly restarts: boolean };

export type AudienceChoice =
  'everybody' | 'nobody' | 'eligible_some' | 'exclude_some' | 'eligible_role' | 'exclude_role' | 'exclude_authid';

export type Pattern = readonly [uri: string, match: MatchPolicy];

export const TOPICS = ['a.b', 'a.c', 'a.b.c', 'd'];
export const SUBSCRIPTIONS: readonly Pattern[] = [
  ['a.b', 'exact'],
  ['a.c', 'exact'],
  ['d', 'exact'],
  ['a', 'prefix'],
  ['a.', 'prefix'],
  ['', 'prefix'],
  ['a.', 'wildcard'],
  ['.b', 'wildcard'],
  ['a..c', 'wildcard'],
];
export const PROCEDURES = ['p.a', 'p.b', 'q'];
export const REGISTRATIONS: readonly Pattern[] = [
  ['p.a', 'exact'],
  ['p.b', 'exact'],
  ['q', 'exact'],
  ['p.', 'prefix'],
  ['p', 'prefix'],
  ['p.', 'wildcard'],
  ['.b', 'wildcard'],
];

const FAULTY_STEPS: Readonly<Record<Faults, ReadonlySet<Step['what']>>> = {
  none: new Set(),
  deaths: new Set(['kill']),
  losses: new Set(['lose']),
  returns: new Set(['return', 'lose']),
  isolation: new Set(['isolate', 'heal']),
  partitions: new Set(['part', 'heal']),
  fencing: new Set(['isolate', 'declare-dead', 'heal']),
  robberies: new Set(['lose-callees']),
  emptying: new Set(['empty', 'kill', 'isolate', 'declare-dead', 'heal']),
  all: new Set(['kill', 'lose', 'return', 'isolate', 'part', 'declare-dead', 'heal', 'lose-callees', 'empty']),
  outages: new Set(['away', 'lose-part']),
  'take-overs': new Set(['take-over', 'fall-behind']),
  'emptied-parts': new Set(['empty-part']),
  'all-parts': new Set([
    ...(['kill', 'lose', 'return', 'isolate', 'declare-dead', 'heal'] as const),
    ...(['away', 'lose-part', 'fall-behind', 'take-over', 'empty-part'] as const),
  ]),
};
const ALL_FAULTY: ReadonlySet<Step['what']> = new Set([...FAULTY_STEPS.all, ...FAULTY_STEPS['all-parts']]);

export function isAllowed(step: Step, faults: Faults): boolean {
  return !ALL_FAULTY.has(step.what) || FAULTY_STEPS[faults].has(step.what);
}

const AUDIENCES: readonly AudienceChoice[] = [
  'nobody',
  'eligible_some',
  'exclude_some',
  'eligible_role',
  'exclude_role',
  'exclude_authid',
];

const choice = fc.nat({ max: 7 });
const pauseMs = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 12 }) },
);
const subscribe = step('subscribe', { client: choice, topic: fc.nat({ max: SUBSCRIPTIONS.length - 1 }) });
const register = step('register', {
  client: choice,
  procedure: fc.nat({ max: REGISTRATIONS.length - 1 }),
  invoke: fc.constantFrom<InvocationPolicy>('single', 'roundrobin', 'roundrobin', 'random', 'first', 'last'),
  force: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  concurrency: fc.constantFrom(0, 0, 0, 1, 2),
});
const publish = step('publish', {
  client: choice,
  topic: fc.nat({ max: TOPICS.length - 1 }),
  count: fc.integer({ min: 1, max: 6 }),
  acknowledge: fc.boolean(),
  excludeMe: fc.boolean(),
  audience: fc.oneof(
    { weight: 3, arbitrary: fc.constant<AudienceChoice>('everybody') },
    { weight: 1, arbitrary: fc.constantFrom<AudienceChoice>(...AUDIENCES) },
  ),
});
const call = step('call', {
  client: choice,
  procedure: fc.nat({ max: PROCEDURES.length - 1 }),
  count: fc.integer({ min: 1, max: 4 }),
  timeoutMs: fc.constantFrom(0, 0, 20, 200),
  receiveProgress: fc.boolean(),
  chunkCount: fc.constantFrom(0, 0, 0, 1, 3),
  plan: fc.record({
    reply: fc.constantFrom<Plan['reply']>('result', 'result', 'result', 'error', 'unavailable', 'silence'),
    progressCount: fc.constantFrom(0, 0, 1, 4),
    delayMs: fc.constantFrom(0, 0, 5, 60),
  }),
});
const cancel = step('cancel', {
  client: choice,
  which: choice,
  mode: fc.constantFrom<CancelMode>('skip', 'kill', 'killnowait'),
});
const kill = step('kill', { node: choice, keptCount: fc.nat({ max: 4 }), leaseMs: fc.constantFrom(0, 20, 100) });

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: step('join', { node: choice, features: fc.constantFrom('all', 'all', 'few') }) },
  { weight: 2, arbitrary: step('leave', { client: choice }) },
  { weight: 6, arbitrary: subscribe },
  { weight: 2, arbitrary: step('unsubscribe', { client: choice, which: choice }) },
  { weight: 14, arbitrary: publish },
  { weight: 6, arbitrary: register },
  { weight: 2, arbitrary: step('unregister', { client: choice, which: choice }) },
  { weight: 14, arbitrary: call },
  { weight: 3, arbitrary: cancel },
  { weight: 3, arbitrary: step('wait', { forMs: fc.constantFrom(5, 30, 300) }) },
  { weight: 1, arbitrary: step('start', {}) },
  { weight: 1, arbitrary: step('stop', { node: choice }) },
  { weight: 1, arbitrary: kill },
  { weight: 2, arbitrary: step('lose', { from: choice, to: choice }) },
  { weight: 2, arbitrary: step('return', { from: choice, to: choice }) },
  { weight: 1, arbitrary: step('isolate', { node: choice, returns: fc.boolean() }) },
  { weight: 1, arbitrary: step('part', { from: choice, to: choice, returns: fc.boolean() }) },
  { weight: 1, arbitrary: step('empty', {}) },
  { weight: 1, arbitrary: step('declare-dead', { node: choice, leaseMs: fc.constantFrom(0, 20, 100) }) },
  { weight: 1, arbitrary: step('lose-callees', { node: choice }) },
  { weight: 2, arbitrary: step('heal', { node: choice }) },
);

/** The steps of a store of several parts. */
const partStepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  { weight: 30, arbitrary: stepArbitrary },
  {
    weight: 1,
    arbitrary: step('away', { part: choice, forMs: fc.constantFrom(5, 60, 500, 3_000), restarts: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: step('lose-part', { node: choice, part: choice, forMs: fc.constantFrom(5, 60, 500, 3_000) }),
  },
  { weight: 1, arbitrary: step('fall-behind', { part: choice }) },
  {
    weight: 1,
    arbitrary: step('take-over', { part: choice, lateMs: fc.constantFrom(1, 30, 300), goesOn: fc.boolean() }),
  },
  { weight: 1, arbitrary: step('empty-part', { part: choice, restarts: fc.boolean() }) },
  { weight: 1, arbitrary: step('wait', { forMs: fc.constantFrom(300, 1_000, 3_000) }) },
);

function step<What extends Step['what']>(
  what: What,
  fields: { [Field in Exclude<keyof Extract<Step, { what: What }>, 'what' | 'pauseMs'>]: fc.Arbitrary<unknown> },
): fc.Arbitrary<Step> {
  return fc.record({ what: fc.constant(what), pauseMs, ...fields }) as unknown as fc.Arbitrary<Step>;
}

export function scheduleArbitrary(faults: Faults, hasMetaApi = false): fc.Arbitrary<Schedule> {
  return fc.record({
    nodeCount: fc.integer({ min: 2, max: 5 }),
    faults: fc.constant(faults),
    hasMetaApi: fc.constant(hasMetaApi),
    batchCount: fc.constantFrom(1, 3, 1_000),
    partSize: fc.constantFrom(1, 2, 1_000),
    seed: fc.nat({ max: 2 ** 31 - 1 }),
    setup: fc.array(fc.oneof(subscribe, register), { maxLength: 16, size: 'max' }),
    steps: fc.array(stepArbitrary, { minLength: 1, maxLength: 90, size: 'max' }),
  });
}

/** A cluster over a store of several parts. */
export function partScheduleArbitrary(faults: Faults, hasMetaApi = false): fc.Arbitrary<Schedule> {
  const steps = fc.array(partStepArbitrary, { minLength: 1, maxLength: 90, size: 'max' });
  return fc
    .tuple(scheduleArbitrary(faults, hasMetaApi), steps, fc.constantFrom(1, 3, 3, 5))
    .map(([schedule, taken, partCount]) => ({ ...schedule, partCount, steps: taken }));
}

export type StepOf<What extends Step['what']> = Extract<Step, { what: What }>;

export function pick<T>(list: readonly T[], index: number): T | undefined {
  return list[index % list.length];
}
