import { describe, expect, it } from 'vitest';
import {
  hasStoreLost,
  INITIAL_STATE,
  isLive,
  isReachable,
  keptRows,
  owesRepair,
  transition,
  type KeptRows,
  type ReloadCause,
  type ReplicaEvent,
  type ReplicaState,
} from '../../../../../src/backplane/redis/realm/replica-state.js';

const EVENTS = {
  enter: { kind: 'enter' },
  reconnected: { kind: 'resync', why: 'reconnected' },
  emptied: { kind: 'resync', why: 'store_emptied' },
  reload: { kind: 'reload-requested', cause: 'version_gap' },
  cutOff: { kind: 'cut-off' },
  storeLost: { kind: 'store-lost' },
  uncertain: { kind: 'write-uncertain' },
  begun: { kind: 'repair-begun' },
  loaded: { kind: 'loaded' },
  taken: { kind: 'snapshot-taken' },
  repaired: { kind: 'repaired', isFollowing: true },
  repairedBehind: { kind: 'repaired', isFollowing: false },
  failed: { kind: 'failed' },
  withdraw: { kind: 'withdraw' },
  withdrawn: { kind: 'withdrawn' },
  stop: { kind: 'stop' },
} satisfies Record<string, ReplicaEvent>;

type EventName = keyof typeof EVENTS;

const CAUSES: readonly ReloadCause[] = ['serve', 'version_gap', 'reconnected', 'store_emptied', 'asked'];
const ALL_EVENTS: readonly ReplicaEvent[] = [
  ...Object.values(EVENTS),
  ...CAUSES.map((cause): ReplicaEvent => ({ kind: 'reload-requested', cause })),
];

/** `<kind> [<progress>] [cut] [recent | all]`: a state but for its cause. */
function nameOf(state: ReplicaState): string {
  const words: string[] = [state.kind];
  if (state.kind === 'entering' || state.kind === 'resyncing') words.push(state.progress);
  if (state.kind !== 'closed' && !isReachable(state)) words.push('cut');
  if (keptRows(state) !== 'nothing') words.push(keptRows(state));
  return words.join(' ');
}

function stateOf(name: string): ReplicaState {
  const [kind, progress, ...words] = name.split(' ');
  if (kind === 'closed') return { kind };
  if (kind === 'withdrawing') return { kind, isReachable: progress !== 'cut' };
  if (kind === 'synced') return { kind, cause: 'asked' };
  const keep = words.find((word): word is KeptRows => word === 'recent' || word === 'all') ?? 'nothing';
  return { kind, cause: 'asked', isReachable: !words.includes('cut'), keep, progress } as ReplicaState;
}

const ALWAYS = { withdraw: 'withdrawing', stop: 'closed' };
const ALWAYS_CUT = { withdraw: 'withdrawing cut', stop: 'closed' };

/** Every event that is not named is refused. */
const TABLE: Readonly<Record<string, Partial<Record<EventName, string>>>> = {
  'entering owed': {
    ...ALWAYS,
    enter: 'entering owed',
    reconnected: 'entering owed recent',
    emptied: 'entering owed recent',
    reload: 'entering owed',
    cutOff: 'entering owed cut',
    storeLost: 'entering owed all',
    uncertain: 'entering owed',
    begun: 'entering reading',
    loaded: 'entering owed',
    failed: 'entering owed',
  },
  'entering reading': {
    ...ALWAYS,
    enter: 'entering reading',
    reconnected: 'entering reading recent',
    emptied: 'entering reading recent',
    reload: 'entering reading',
    cutOff: 'entering reading cut',
    storeLost: 'entering reading all',
    uncertain: 'entering reading',
    loaded: 'entering reading',
    taken: 'entering writing',
    failed: 'entering owed',
  },
  'entering writing': {
    ...ALWAYS,
    enter: 'entering writing',
    reconnected: 'entering writing recent',
    emptied: 'entering writing recent',
    reload: 'entering writing',
    cutOff: 'entering disturbed cut',
    storeLost: 'entering disturbed all',
    uncertain: 'entering disturbed',
    loaded: 'entering writing',
    repaired: 'synced',
    repairedBehind: 'resyncing behind',
    failed: 'entering owed',
  },
  'entering disturbed': {
    ...ALWAYS,
    enter: 'entering disturbed',
    reconnected: 'entering disturbed recent',
    emptied: 'entering disturbed recent',
    reload: 'entering disturbed',
    cutOff: 'entering disturbed cut',
    storeLost: 'entering disturbed all',
    uncertain: 'entering disturbed',
    loaded: 'entering disturbed',
    repaired: 'resyncing owed',
    repairedBehind: 'resyncing owed',
    failed: 'entering owed',
  },
  synced: {
    ...ALWAYS,
    enter: 'resyncing owed',
    reconnected: 'resyncing owed recent',
    emptied: 'resyncing owed recent',
    reload: 'resyncing behind',
    cutOff: 'resyncing owed cut',
    storeLost: 'resyncing owed all',
    uncertain: 'resyncing owed',
    failed: 'resyncing owed',
  },
  'resyncing behind': {
    ...ALWAYS,
    enter: 'resyncing owed',
    reconnected: 'resyncing owed recent',
    emptied: 'resyncing owed recent',
    reload: 'resyncing behind',
    cutOff: 'resyncing owed cut',
    storeLost: 'resyncing owed all',
    uncertain: 'resyncing owed',
    loaded: 'synced',
    failed: 'resyncing owed',
  },
  'resyncing owed': {
    ...ALWAYS,
    enter: 'resyncing owed',
    reconnected: 'resyncing owed recent',
    emptied: 'resyncing owed recent',
    reload: 'resyncing owed',
    cutOff: 'resyncing owed cut',
    storeLost: 'resyncing owed all',
    uncertain: 'resyncing owed',
    begun: 'resyncing reading',
    loaded: 'resyncing owed',
    failed: 'resyncing owed',
  },
  'resyncing reading': {
    ...ALWAYS,
    enter: 'resyncing reading',
    reconnected: 'resyncing reading recent',
    emptied: 'resyncing reading recent',
    reload: 'resyncing reading',
    cutOff: 'resyncing reading cut',
    storeLost: 'resyncing reading all',
    uncertain: 'resyncing reading',
    loaded: 'resyncing reading',
    taken: 'resyncing writing',
    failed: 'resyncing owed',
  },
  'resyncing writing': {
    ...ALWAYS,
    enter: 'resyncing writing',
    reconnected: 'resyncing writing recent',
    emptied: 'resyncing writing recent',
    reload: 'resyncing writing',
    cutOff: 'resyncing disturbed cut',
    storeLost: 'resyncing disturbed all',
    uncertain: 'resyncing disturbed',
    loaded: 'resyncing writing',
    repaired: 'synced',
    repairedBehind: 'resyncing behind',
    failed: 'resyncing owed',
  },
  'resyncing disturbed': {
    ...ALWAYS,
    enter: 'resyncing disturbed',
    reconnected: 'resyncing disturbed recent',
    emptied: 'resyncing disturbed recent',
    reload: 'resyncing disturbed',
    cutOff: 'resyncing disturbed cut',
    storeLost: 'resyncing disturbed all',
    uncertain: 'resyncing disturbed',
    loaded: 'resyncing disturbed',
    repaired: 'resyncing owed',
    repairedBehind: 'resyncing owed',
    failed: 'resyncing owed',
  },
  // Cut off while it was reading over a connection that is still there.
  'resyncing writing cut': {
    ...ALWAYS_CUT,
    enter: 'resyncing writing cut',
    reconnected: 'resyncing writing recent',
    emptied: 'resyncing writing recent',
    reload: 'resyncing writing cut',
    storeLost: 'resyncing disturbed cut all',
    uncertain: 'resyncing disturbed cut',
    loaded: 'resyncing writing cut',
    repaired: 'resyncing behind cut',
    repairedBehind: 'resyncing behind cut',
    failed: 'resyncing owed cut',
  },
  'resyncing behind cut': {
    ...ALWAYS_CUT,
    enter: 'resyncing owed cut',
    reconnected: 'resyncing owed recent',
    emptied: 'resyncing owed recent',
    reload: 'resyncing behind cut',
    storeLost: 'resyncing owed cut all',
    uncertain: 'resyncing owed cut',
    loaded: 'resyncing behind cut',
    failed: 'resyncing owed cut',
  },
  'resyncing reading recent': {
    ...ALWAYS,
    enter: 'resyncing reading recent',
    reconnected: 'resyncing reading recent',
    emptied: 'resyncing reading recent',
    reload: 'resyncing reading recent',
    cutOff: 'resyncing reading cut recent',
    storeLost: 'resyncing reading all',
    uncertain: 'resyncing reading recent',
    loaded: 'resyncing reading',
    taken: 'resyncing writing recent',
    failed: 'resyncing owed recent',
  },
  'resyncing writing all': {
    ...ALWAYS,
    enter: 'resyncing writing all',
    reconnected: 'resyncing writing all',
    emptied: 'resyncing writing all',
    reload: 'resyncing writing all',
    cutOff: 'resyncing disturbed cut all',
    storeLost: 'resyncing disturbed all',
    uncertain: 'resyncing disturbed all',
    loaded: 'resyncing writing all',
    repaired: 'synced',
    repairedBehind: 'resyncing behind',
    failed: 'resyncing owed all',
  },
  'resyncing disturbed all': {
    ...ALWAYS,
    enter: 'resyncing disturbed all',
    reconnected: 'resyncing disturbed all',
    emptied: 'resyncing disturbed all',
    reload: 'resyncing disturbed all',
    cutOff: 'resyncing disturbed cut all',
    storeLost: 'resyncing disturbed all',
    uncertain: 'resyncing disturbed all',
    loaded: 'resyncing disturbed all',
    repaired: 'resyncing owed all',
    repairedBehind: 'resyncing owed all',
    failed: 'resyncing owed all',
  },
  withdrawing: {
    enter: 'withdrawing',
    reconnected: 'withdrawing',
    emptied: 'withdrawing',
    reload: 'withdrawing',
    cutOff: 'withdrawing cut',
    storeLost: 'withdrawing',
    uncertain: 'withdrawing',
    failed: 'withdrawing',
    withdrawn: 'closed',
    stop: 'closed',
  },
  'withdrawing cut': {
    enter: 'withdrawing cut',
    reconnected: 'withdrawing',
    emptied: 'withdrawing',
    reload: 'withdrawing cut',
    storeLost: 'withdrawing cut',
    uncertain: 'withdrawing cut',
    failed: 'withdrawing cut',
    withdrawn: 'closed',
    stop: 'closed',
  },
  closed: {},
};

describe.each(Object.entries(TABLE))('a replica that is %s', (name, expected) => {
  it.each(Object.entries(EVENTS))('takes or refuses %s', (event, what) => {
    const next = transition(stateOf(name), what);
    expect(next && nameOf(next)).toBe(expected[event as EventName]);
  });
});

/** Every state that the first one leads to. */
function reachableStates(): ReplicaState[] {
  const known = new Map<string, ReplicaState>([[JSON.stringify(INITIAL_STATE), INITIAL_STATE]]);
  for (const state of known.values())
    for (const event of ALL_EVENTS) {
      const next = transition(state, event);
      if (next !== undefined && !known.has(JSON.stringify(next))) known.set(JSON.stringify(next), next);
    }
  return [...known.values()];
}

describe('every state that can be reached', () => {
  const states = reachableStates();

  it('is more than the table names', () => {
    const names = new Set(states.map(nameOf));
    expect(Object.keys(TABLE).filter((name) => !names.has(name))).toEqual([]);
  });

  it('owes a repair, or has one under way, when the store has lost data', () => {
    const lost = states.filter(hasStoreLost);
    expect(lost.length).toBeGreaterThan(0);
    expect(lost.map(nameOf).filter((name) => / behind\b/.test(name))).toEqual([]);
    for (const state of lost) expect(['entering', 'resyncing']).toContain(state.kind);
  });

  it('owes a repair until one was enough, whatever else happens', () => {
    const owing = states.filter(owesRepair);
    expect(owing.length).toBeGreaterThan(0);
    for (const state of owing)
      for (const event of ALL_EVENTS) {
        const next = transition(state, event);
        if (next === undefined || !isLive(next) || event.kind === 'repair-begun') continue;
        expect([nameOf(state), event.kind, owesRepair(next)]).toEqual([nameOf(state), event.kind, true]);
      }
  });

  it('is synced only after a repair or a reading that nothing disturbed', () => {
    for (const state of states)
      for (const event of ALL_EVENTS) {
        if (state.kind === 'synced' || transition(state, event)?.kind !== 'synced') continue;
        expect(['loaded', 'repaired']).toContain(event.kind);
        expect([nameOf(state), isReachable(state), owesRepair(state)]).toEqual([nameOf(state), true, false]);
      }
  });

  it('never comes back to life once it is withdrawn or closed', () => {
    for (const state of states.filter((one) => !isLive(one)))
      for (const event of ALL_EVENTS) {
        const next = transition(state, event);
        if (next !== undefined)
          expect([nameOf(state), event.kind, isLive(next)]).toEqual([nameOf(state), event.kind, false]);
      }
  });

  it('names the last cause for which it is to be read', () => {
    for (const state of states.filter(isLive))
      for (const event of ALL_EVENTS) {
        const next = transition(state, event);
        if (next === undefined || !isLive(next)) continue;
        const cause =
          event.kind === 'reload-requested'
            ? event.cause
            : event.kind === 'resync'
              ? event.why
              : event.kind === 'enter'
                ? 'serve'
                : state.cause;
        expect([nameOf(state), event.kind, next.cause]).toEqual([nameOf(state), event.kind, cause]);
      }
  });
});
