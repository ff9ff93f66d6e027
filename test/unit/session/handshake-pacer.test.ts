import { describe, expect, it } from 'vitest';
import { HandshakePacer, type HandshakePlace } from '../../../src/session/handshake-pacer.js';
import { isUnavailable } from '../../../src/session/ports.js';
import { createCounters } from '../../../src/telemetry/counters.js';

const STEP_BUDGET_MS = 5;

/** A pacer whose time a test moves. */
function scene(maxHandshakesPerSecond: number, maxWaitingHandshakes = 100) {
  const limits = { maxHandshakesPerSecond, maxWaitingHandshakes };
  const world = { nowMs: 1_000, isHeld: false, msPerHandshake: 0 };
  const steps: (() => void)[] = [];
  const counters = createCounters();
  const pacer = new HandshakePacer({
    limits,
    stepBudgetMs: STEP_BUDGET_MS,
    nowMs: () => world.nowMs,
    later: (action) => steps.push(action),
    isHeld: () => world.isHeld,
    addressKeyOf: (address) => address.replace(/:.*/, ''),
    counters,
  });
  const begun: string[] = [];
  const enter = (address: string): HandshakePlace | 'at once' | 'refused' => {
    const begin = (): void => {
      begun.push(address);
      world.nowMs += world.msPerHandshake;
    };
    const place = pacer.enter(address, begin);
    if (place === undefined) begin();
    if (place === undefined) return 'at once';
    return isUnavailable(place) ? 'refused' : place;
  };
  const pass = (ms: number): string[] => {
    world.nowMs += ms;
    begun.length = 0;
    for (const step of steps.splice(0)) step();
    return [...begun];
  };
  return { limits, world, steps, counters, pacer, enter, pass };
}

function placeOf(place: HandshakePlace | string): HandshakePlace {
  if (typeof place === 'string') throw new Error(`the handshake does not wait: ${place}`);
  return place;
}

describe('HandshakePacer', () => {
  it('lets all handshakes begin at once without a rate', () => {
    const { enter, pacer, steps, counters } = scene(0);
    for (let index = 0; index < 1_000; index++) expect(enter('a')).toBe('at once');
    expect([pacer.waitingCount, steps.length, counters.handshakes.at_once]).toEqual([0, 0, 1_000]);
  });

  it('begins as many per second as the limit allows, in the order of their HELLOs', () => {
    const { enter, pass, pacer, counters } = scene(10);
    expect(enter('a:0')).toBe('at once');
    for (let index = 1; index < 6; index++) placeOf(enter(`a:${index}`));
    expect(pass(99)).toEqual([]);
    expect(pass(1)).toEqual(['a:1']);
    expect(pass(100)).toEqual(['a:2']);
    expect(pass(50)).toEqual([]);
    expect(pass(50)).toEqual(['a:3']);
    expect(pacer.waitingCount).toBe(2);
    expect(counters.handshakes).toEqual({ at_once: 1, waited: 3, refused: 0, timeout: 0, gone: 0 });
  });

  it('saves up no more than 50 ms of the rate while nobody comes', () => {
    const { enter, pass } = scene(1_000);
    pass(60_000);
    const answers = Array.from({ length: 80 }, (_, index) => enter(`a:${index}`));
    expect(answers.filter((answer) => answer === 'at once')).toHaveLength(50);
  });

  it('lets nobody overtake those that wait', () => {
    const { enter, world } = scene(10);
    enter('a:0');
    placeOf(enter('a:1'));
    world.nowMs += 60_000;
    placeOf(enter('a:2'));
  });

  it('begins one handshake of each address in a round', () => {
    const { enter, pass } = scene(1_000);
    while (enter('a:first') === 'at once');
    for (const address of ['a:1', 'a:2', 'a:3', 'b:1', 'b:2', 'c:1']) placeOf(enter(address));
    expect(pass(50)).toEqual(['a:first', 'b:1', 'c:1', 'a:1', 'b:2', 'a:2', 'a:3']);
  });

  it('refuses one address when it has as many waiting as places are free, and still has room for others', () => {
    const { enter, pacer, counters } = scene(1, 8);
    enter('a');
    for (let index = 0; index < 4; index++) placeOf(enter('a'));
    expect(enter('a')).toBe('refused');
    placeOf(enter('b'));
    placeOf(enter('b'));
    expect(enter('b')).toBe('refused');
    placeOf(enter('c'));
    placeOf(enter('d'));
    expect(enter('e')).toBe('refused');
    expect(pacer.waitingCount).toBe(8);
    expect(counters.handshakes.refused).toBe(3);
  });

  it('forgets one that leaves, also the only one of its address, and more than once', () => {
    const { enter, pass, pacer, counters } = scene(1_000);
    while (enter('a:first') === 'at once');
    const [first, second] = [placeOf(enter('a:1')), placeOf(enter('b:1'))];
    placeOf(enter('a:2'));
    first.leave('gone');
    second.leave('timeout');
    second.leave('gone');
    expect(pacer.waitingCount).toBe(2);
    expect(pass(50)).toEqual(['a:first', 'a:2']);
    first.leave('gone');
    expect(pacer.waitingCount).toBe(0);
    expect(counters.handshakes).toMatchObject({ timeout: 1, gone: 1 });
  });

  it('asks for no further step when nobody waits', () => {
    const { enter, pass, steps } = scene(10);
    enter('a');
    placeOf(enter('a')).leave('gone');
    expect(steps).toHaveLength(1);
    pass(10);
    expect(steps).toHaveLength(0);
  });

  it('begins handshakes for a part of the turn only, however many the rate admits', () => {
    const { enter, pass, world } = scene(1_000);
    while (enter('a') === 'at once');
    for (let index = 0; index < 40; index++) placeOf(enter('a'));
    world.msPerHandshake = 1;
    expect(pass(50)).toHaveLength(STEP_BUDGET_MS);
    expect(pass(5)).toHaveLength(STEP_BUDGET_MS);
  });

  it('begins none while the node handles no messages (G5)', () => {
    const { enter, pass, world } = scene(10);
    enter('a');
    placeOf(enter('a'));
    world.isHeld = true;
    expect(pass(10_000)).toEqual([]);
    world.isHeld = false;
    expect(pass(5)).toEqual(['a']);
  });

  it('follows a reload, also one that ends the limit', () => {
    const { enter, pass, limits } = scene(1);
    enter('a:0');
    for (let index = 1; index < 4; index++) placeOf(enter(`a:${index}`));
    limits.maxHandshakesPerSecond = 20;
    expect(pass(50)).toEqual(['a:1']);
    limits.maxHandshakesPerSecond = 0;
    expect(pass(1)).toEqual(['a:2', 'a:3']);
    expect(enter('a:4')).toBe('at once');
  });
});
