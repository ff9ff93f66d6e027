import { forMs } from '../cluster/harness/wait.js';
import type { Arena } from './arena.js';
import { flood, stopReading } from './bad-clients.js';
import { failOverShard, flushShard, freezeShard, killShard, moveSlots } from './shard-blow.js';
import { ABSENT_MS, MORTAL_MS, type Fault, type FaultOf } from './fault.js';
import { flushNewRealm } from './new-realm.js';

const FLUSH_EVERY_MS = 20;

/** A fault that has been done, and undone as far as it is. */
export interface Struck {
  /** From when on all may heal. */
  readonly healsFromMs: number;
  /** All works again. */
  readonly over: () => void;
  /** What is left to do then. */
  readonly after?: () => Promise<void>;
  /** Nodes that have died by it. */
  readonly dead?: readonly string[];
  /** What the fault itself showed to break a promise. */
  readonly violations?: readonly string[];
}

/** Applies the fault to the cluster; the nodes are granted the effects that clients may notice of it, and no more. */
export function strike(arena: Arena, fault: Fault): Promise<Struck> {
  switch (fault.what) {
    case 'kill':
      return kill(arena, fault);
    case 'pause':
      return pause(arena, fault);
    case 'roll':
      return roll(arena);
    case 'join':
      return join(arena, fault);
    case 'restart-store':
      return restartStore(arena, fault);
    case 'freeze-store':
      return freezeStore(arena, fault);
    case 'flush-store':
      return unnoticed(() => arena.store.flushAll());
    case 'flush-scripts':
      return unnoticed(() => flushScripts(arena, fault));
    case 'flush-new-realm':
      return flushNewRealm(arena, fault);
    case 'fill-store':
      return fillStore(arena, fault);
    case 'kill-connections':
      return killConnections(arena, fault);
    case 'reset-connections':
      return resetConnections(arena, fault);
    case 'cut':
    case 'hold':
    case 'lose':
      return cutOff(arena, fault);
    case 'delay':
    case 'throttle':
      return slow(arena, fault);
    case 'fail-over':
      return failOver(arena, fault);
    case 'shard-fail-over':
      return failOverShard(arena, fault);
    case 'shard-kill':
      return killShard(arena, fault);
    case 'shard-freeze':
      return freezeShard(arena, fault);
    case 'shard-flush':
      return flushShard(arena, fault);
    case 'move-slots':
      return moveSlots(arena, fault);
    case 'slow-reader':
      return stopReading(arena, fault);
    case 'flood':
      return flood(arena, fault);
  }
}

async function kill(arena: Arena, { places, backAfterMs }: FaultOf<'kill'>): Promise<Struck> {
  const { scene } = arena;
  const victims = places.map((place) => arena.router(place));
  const dead = victims.map(({ node }) => node);
  for (const victim of victims) scene.sacrifice(victim);
  const trouble = scene.trouble(...victims);
  const killedMs = Date.now();
  await Promise.all(victims.map((victim) => victim.kill()));
  const restart = async (): Promise<void> => {
    await Promise.all(places.map((place) => scene.fleet.startAt(place)));
  };
  if (places.length < arena.nodeCount && backAfterMs > 0)
    return { healsFromMs: killedMs, over: () => trouble.over(), after: restart, dead };
  await forMs(backAfterMs);
  await restart();
  // Where nobody is left, nothing heals before somebody is back.
  const healsFromMs = places.length < arena.nodeCount ? killedMs : Date.now();
  return { healsFromMs, over: () => trouble.over(), dead };
}

async function pause(arena: Arena, { place, forMs: pausedMs }: FaultOf<'pause'>): Promise<Struck> {
  const victim = arena.router(place);
  const trouble = hurt(arena, place, pausedMs, 'delay');
  victim.pause();
  await forMs(pausedMs);
  victim.resume();
  return { healsFromMs: Date.now(), over: () => trouble.over() };
}

async function roll({ scene, nodeCount }: Arena): Promise<Struck> {
  for (let place = 0; place < nodeCount; place++) {
    scene.sacrifice(scene.router(place));
    const { code, stderr } = await scene.fleet.replace(place);
    if (code !== 0) throw new Error(`a router that was replaced ended with code ${code}: ${stderr.slice(-2_000)}`);
  }
  return { healsFromMs: Date.now(), over: () => undefined };
}

async function join({ scene, nodeCount }: Arena, { staysMs }: FaultOf<'join'>): Promise<Struck> {
  const joined = await scene.fleet.startAt(nodeCount);
  const healsFromMs = Date.now();
  const after = async (): Promise<void> => {
    await forMs(staysMs);
    scene.sacrifice(joined);
    const { code, stderr } = await joined.drain();
    if (code !== 0) throw new Error(`a router that had joined ended with code ${code}: ${stderr.slice(-2_000)}`);
  };
  return { healsFromMs, over: () => undefined, after };
}

async function restartStore({ scene, store }: Arena, fault: FaultOf<'restart-store'>): Promise<Struck> {
  const trouble = scene.trouble();
  if (fault.keepsData) await store.command('SAVE');
  await store.kill();
  await forMs(fault.downMs);
  await store.start();
  return { healsFromMs: Date.now(), over: () => trouble.over() };
}

async function freezeStore({ scene, store }: Arena, { forMs: frozenMs }: FaultOf<'freeze-store'>): Promise<Struck> {
  const trouble = scene.trouble();
  store.pause();
  await forMs(frozenMs);
  store.resume();
  return { healsFromMs: Date.now(), over: () => trouble.over() };
}

/** The replica lacks what the master got in the last `staleMs`. */
async function failOver({ scene, replicated }: Arena, { staleMs }: FaultOf<'fail-over'>): Promise<Struck> {
  if (staleMs > 0) replicated.stall();
  await forMs(staleMs);
  const trouble = scene.trouble();
  await replicated.failOver();
  scene.redis = replicated.replica;
  return { healsFromMs: Date.now(), over: () => trouble.over() };
}

/** What no client may notice at all. */
async function unnoticed(harm: () => Promise<unknown>): Promise<Struck> {
  await harm();
  return { healsFromMs: Date.now(), over: () => undefined };
}

/** On every server: the one that takes over may not know the scripts either. */
async function flushScripts({ servers }: Arena, { times = 1 }: FaultOf<'flush-scripts'>): Promise<void> {
  for (let count = 0; count < times; count++) {
    if (count > 0) await forMs(FLUSH_EVERY_MS);
    await Promise.all(servers.map((server) => server.command('SCRIPT', 'FLUSH')));
  }
}

async function fillStore({ scene, store }: Arena, { forMs: fullMs }: FaultOf<'fill-store'>): Promise<Struck> {
  const trouble = scene.trouble();
  await store.command('CONFIG', 'SET', 'maxmemory', '1');
  await forMs(fullMs);
  await store.command('CONFIG', 'SET', 'maxmemory', '0');
  return { healsFromMs: Date.now(), over: () => trouble.over() };
}

async function killConnections(arena: Arena, { type }: FaultOf<'kill-connections'>): Promise<Struck> {
  const trouble = arena.scene.trouble();
  for (const server of await arena.primaries()) await server.command('CLIENT', 'KILL', 'TYPE', type);
  return { healsFromMs: Date.now(), over: () => trouble.over() };
}

function resetConnections(arena: Arena, { place, which }: FaultOf<'reset-connections'>): Promise<Struck> {
  const trouble = arena.scene.trouble(arena.router(place));
  arena.proxy(place).reset(which);
  return Promise.resolve({ healsFromMs: Date.now(), over: () => trouble.over() });
}

async function cutOff(arena: Arena, fault: FaultOf<'cut' | 'hold' | 'lose'>): Promise<Struck> {
  // Where its connections are closed nobody listens for it: it is judged sooner.
  const mortalMs = fault.what === 'cut' ? ABSENT_MS : MORTAL_MS;
  const trouble = hurt(arena, fault.place, fault.forMs, 'trouble', mortalMs);
  const proxy = arena.proxy(fault.place);
  if (fault.what === 'cut') await proxy.cut();
  else if (fault.what === 'hold') proxy.hold(fault.which, fault.way);
  else proxy.blackhole(fault.which, fault.way);
  await forMs(fault.forMs);
  await proxy.heal();
  return { healsFromMs: Date.now(), over: () => trouble.over() };
}

async function slow(arena: Arena, fault: FaultOf<'delay' | 'throttle'>): Promise<Struck> {
  const trouble = arena.scene.delay(arena.router(fault.place));
  const proxy = arena.proxy(fault.place);
  if (fault.what === 'delay') proxy.delay(fault.byMs);
  else proxy.throttle(fault.bytesPerSecond);
  await forMs(fault.forMs);
  await proxy.heal();
  return { healsFromMs: Date.now(), over: () => trouble.over() };
}

/** A node that hangs or is cut off for so long may be declared dead; one that hangs for less makes things late only. */
function hurt(
  { scene }: Arena,
  place: number,
  forMs: number,
  otherwise: 'delay' | 'trouble',
  mortalMs = MORTAL_MS,
): { over: () => void } {
  const router = scene.router(place);
  if (forMs < mortalMs) return scene[otherwise](router);
  scene.sacrifice(router);
  return scene.trouble(router);
}
