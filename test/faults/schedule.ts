import { Dice } from './dice.js';
import { mayOverlap, type Fault, type What } from './fault.js';

/** Everything that decides what is done in one round, but for the time that machines take. */
export interface Schedule {
  /** Of the workload too. */
  readonly seed: number;
  readonly round: number;
  readonly nodeCount: number;
  /** The store has a replica, and a Sentinel that has it take over. */
  readonly isReplicated?: boolean;
  /** The store is a Redis Cluster of three primaries, each with a replica. */
  readonly isSharded?: boolean;
  /** One after the other, each when all has healed from the one before. */
  readonly blows: readonly Blow[];
  /** Milliseconds of load after the last. */
  readonly calmMs: number;
}

export interface Blow {
  readonly afterMs: number;
  readonly fault: Fault;
  /** Done at the same time. */
  readonly beside?: Fault;
}

export interface Choice {
  readonly nodeCount?: number;
  /** Over a Redis Cluster. */
  readonly isSharded?: boolean;
  /** Kinds of faults; absent: all. */
  readonly only?: readonly What[];
}

type Draw = (dice: Dice, nodeCount: number) => Fault;

/** Each kind as often as it stands here. */
const DRAWS: readonly (readonly [what: What, draw: Draw])[] = [
  ['kill', killing(1)],
  ['kill', killing(1)],
  ['kill', killing(2)],
  ['kill', killing(Infinity)],
  ['pause', pausing(2_000)],
  ['pause', pausing(5_000)],
  ['pause', pausing(8_000)],
  ['pause', pausing(20_000)],
  ['roll', () => ({ what: 'roll' })],
  ['join', (dice) => ({ what: 'join', staysMs: dice.between(0, 3_000) })],
  ['restart-store', (dice) => ({ what: 'restart-store', downMs: dice.pick([0, 500, 3_000, 9_000]), keepsData: true })],
  ['restart-store', (dice) => ({ what: 'restart-store', downMs: dice.pick([0, 500, 3_000, 9_000]), keepsData: false })],
  ['freeze-store', (dice) => ({ what: 'freeze-store', forMs: dice.pick([500, 2_000, 5_000, 9_000]) })],
  ['flush-store', () => ({ what: 'flush-store' })],
  ['flush-scripts', () => ({ what: 'flush-scripts' })],
  ['flush-scripts', (dice) => ({ what: 'flush-scripts', times: dice.between(20, 200) })],
  ['flush-new-realm', (dice) => ({ what: 'flush-new-realm', afterMs: dice.between(0, 1_000) })],
  ['fill-store', (dice) => ({ what: 'fill-store', forMs: dice.pick([1_000, 4_000, 9_000]) })],
  ['kill-connections', (dice) => ({ what: 'kill-connections', type: dice.pick(['normal', 'pubsub']) })],
  ['reset-connections', resetting],
  ['cut', (dice, nodeCount) => ({ what: 'cut', place: dice.below(nodeCount), forMs: dice.pick([500, 2_000, 9_000]) })],
  ['hold', (dice, nodeCount) => ({ what: 'hold', ...stretch(dice, nodeCount), ...side(dice) })],
  ['lose', (dice, nodeCount) => ({ what: 'lose', ...stretch(dice, nodeCount), ...side(dice) })],
  ['delay', (dice, nodeCount) => ({ what: 'delay', ...stretch(dice, nodeCount), byMs: dice.pick([50, 200, 400]) })],
  [
    'throttle',
    (dice, nodeCount) => ({
      what: 'throttle',
      ...stretch(dice, nodeCount),
      bytesPerSecond: dice.pick([50_000, 200_000]),
    }),
  ],
  ['slow-reader', readingSlowly],
  ['flood', (dice, nodeCount) => ({ what: 'flood', place: dice.below(nodeCount), by: dice.pick(['publish', 'call']) })],
];

/** What is done to one server of a Redis Cluster, each kind as often as it stands here. */
const SHARD_DRAWS: typeof DRAWS = [
  ['shard-fail-over', (dice) => ({ what: 'shard-fail-over', shard: dice.below(SHARD_COUNT) })],
  ['shard-kill', killingShard],
  ['shard-kill', killingShard],
  ['shard-freeze', freezingShard],
  ['shard-freeze', freezingShard],
  ['shard-flush', (dice) => ({ what: 'shard-flush', shard: dice.below(SHARD_COUNT) })],
  ['move-slots', movingSlots],
  ['move-slots', movingSlots],
];

export const KINDS_OF_FAULTS: readonly What[] = [
  ...new Set([...DRAWS, ...SHARD_DRAWS].map(([what]) => what)),
  'fail-over',
];

const SHARD_COUNT = 3;
const ROUNDS_OF_ONE = 0.2;
const OVERLAPPING = 0.25;
/** Draws of a fault that may go with another. */
const OVERLAP_ATTEMPTS = 8;
const REPLICATED_ROUNDS = 0.1;
/** What is done where there is a replica, besides the failover itself. */
const ALSO_REPLICATED: readonly What[] = ['kill', 'pause', 'roll', 'flush-scripts', 'kill-connections'];

/** What is done over a Redis Cluster, besides the faults of its servers. */
const ALSO_SHARDED: readonly What[] = ['kill', 'pause', 'roll', 'join', 'flush-scripts', 'kill-connections', 'flood'];

export function scheduleOf(seed: number, round: number, { nodeCount: wanted, isSharded, only }: Choice = {}): Schedule {
  const dice = new Dice(seed, round);
  const nodeCount = wanted ?? dice.pick([3, 3, 3, 4, 5]);
  const isWanted = ([what]: (typeof DRAWS)[number]): boolean => only?.includes(what) !== false;
  const known = isSharded === true ? [...SHARD_DRAWS, ...DRAWS.filter(([what]) => ALSO_SHARDED.includes(what))] : DRAWS;
  const draws = known.filter(isWanted);
  const beside = draws.filter(([what]) => ALSO_REPLICATED.includes(what));
  if (
    isSharded !== true &&
    (only?.includes('fail-over') === true || (only === undefined && dice.chance(REPLICATED_ROUNDS)))
  )
    return replicated({ seed, round, nodeCount }, dice, beside);
  if (draws.length === 0) throw new Error(`no fault of these kinds is for this store: ${only?.join(', ') ?? ''}`);
  const blowCount = dice.chance(ROUNDS_OF_ONE) ? 1 : dice.between(2, 4);
  const blows = Array.from({ length: blowCount }, () => blowOf(dice, draws, nodeCount));
  const head = { seed, round, nodeCount, ...(isSharded === true && { isSharded }) };
  return { ...head, blows, calmMs: dice.between(500, 2_000) };
}

function blowOf(dice: Dice, draws: readonly (readonly [What, Draw])[], nodeCount: number): Blow {
  const afterMs = dice.between(300, 2_500);
  const fault = dice.pick(draws)[1](dice, nodeCount);
  for (let attempt = 0; attempt < OVERLAP_ATTEMPTS && (attempt > 0 || dice.chance(OVERLAPPING)); attempt++) {
    const beside = dice.pick(draws)[1](dice, nodeCount);
    if (mayOverlap(fault, beside)) return { afterMs, fault, beside };
  }
  return { afterMs, fault };
}

/** The replica takes over once: there is no other after it. */
function replicated(
  head: Pick<Schedule, 'seed' | 'round' | 'nodeCount'>,
  dice: Dice,
  draws: readonly (readonly [What, Draw])[],
): Schedule {
  const failover: Fault = { what: 'fail-over', staleMs: dice.pick([0, 500, 3_000]) };
  const others = Array.from({ length: draws.length === 0 ? 0 : dice.below(3) }, () =>
    dice.pick(draws)[1](dice, head.nodeCount),
  );
  const at = dice.below(others.length + 1);
  const faults = [...others.slice(0, at), failover, ...others.slice(at)];
  const blows = faults.map((fault) => ({ afterMs: dice.between(300, 2_500), fault }));
  return { ...head, isReplicated: true, blows, calmMs: dice.between(500, 2_000) };
}

function killing(count: number): Draw {
  return (dice, nodeCount) => {
    const places = Array.from({ length: nodeCount }, (_, place) => place);
    return { what: 'kill', places: dice.draw(count, places), backAfterMs: dice.pick([0, 1_000, 5_000, 12_000]) };
  };
}

function pausing(forMs: number): Draw {
  return (dice, nodeCount) => ({ what: 'pause', place: dice.below(nodeCount), forMs });
}

function killingShard(dice: Dice): Fault {
  return { what: 'shard-kill', shard: dice.below(SHARD_COUNT), downMs: dice.pick([0, 3_000]) };
}

function freezingShard(dice: Dice): Fault {
  return { what: 'shard-freeze', shard: dice.below(SHARD_COUNT), forMs: dice.pick([500, 3_000, 6_000]) };
}

function movingSlots(dice: Dice): Fault {
  const shard = dice.below(SHARD_COUNT);
  const to = (shard + dice.between(1, SHARD_COUNT - 1)) % SHARD_COUNT;
  return { what: 'move-slots', shard, to, isWhole: dice.chance(0.3) };
}

function resetting(dice: Dice, nodeCount: number): Fault {
  const which = dice.pick([undefined, 'bus', 'directory', 'subscriber'] as const);
  return { what: 'reset-connections', place: dice.below(nodeCount), ...(which !== undefined && { which }) };
}

function readingSlowly(dice: Dice, nodeCount: number): Fault {
  return { what: 'slow-reader', place: dice.below(nodeCount), publisherPlace: dice.below(nodeCount) };
}

function stretch(dice: Dice, nodeCount: number): { readonly place: number; readonly forMs: number } {
  return { place: dice.below(nodeCount), forMs: dice.pick([1_000, 3_000, 9_000]) };
}

function side(dice: Dice): Pick<Extract<Fault, { what: 'hold' }>, 'which' | 'way'> {
  const which = dice.pick([undefined, undefined, 'bus', 'directory', 'subscriber'] as const);
  const way = dice.pick([undefined, 'to-store', 'to-node'] as const);
  return { ...(which !== undefined && { which }), ...(way !== undefined && { way }) };
}
