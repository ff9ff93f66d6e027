import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { describeConformance } from '../support/conformance.js';
import { abortedFor, freshUri } from '../support/exchange.js';
import { eventsSoFar } from '../support/fences.js';
import { rolesWithout, type RawClient } from '../support/raw-client.js';

const STATES = ['absent', 'empty', 'matching', 'not matching'] as const;
type State = (typeof STATES)[number];

const KEYS = [
  'eligible',
  'eligible_authid',
  'eligible_authrole',
  'exclude',
  'exclude_authid',
  'exclude_authrole',
] as const;
type Key = (typeof KEYS)[number];

/** BWL-1 and BWL-2, written down a second time. */
function isReceiver(states: Readonly<Record<Key, State>>): boolean {
  return KEYS.every((key) =>
    key.startsWith('eligible') ? states[key] === 'absent' || states[key] === 'matching' : states[key] !== 'matching',
  );
}

/** A list in that state, as seen by this receiver. */
function listFor(key: Key, state: State, receiver: RawClient): unknown[] | undefined {
  const { authid, authrole } = receiver.welcome;
  const own = key.endsWith('_authid') ? authid : key.endsWith('_authrole') ? authrole : receiver.session;
  const others = key.includes('_auth') ? ['somebody-else', ''] : [1, 9_007_199_254_740_992];
  switch (state) {
    case 'absent':
      return undefined;
    case 'empty':
      return [];
    case 'matching':
      return [others[0], own, others[1]];
    case 'not matching':
      return others;
  }
}

function optionsFor(states: Readonly<Record<Key, State>>, receiver: RawClient): Record<string, unknown> {
  const lists = KEYS.map((key) => [key, listFor(key, states[key], receiver)] as const);
  return Object.fromEntries(lists.filter(([, list]) => list !== undefined));
}

/** Every combination of the states of the six lists: 4⁶. */
function* combinations(): Generator<Record<Key, State>> {
  for (let number = 0; number < STATES.length ** KEYS.length; number++)
    yield Object.fromEntries(
      KEYS.map((key, index) => [key, STATES[Math.floor(number / STATES.length ** index) % STATES.length]!]),
    ) as Record<Key, State>;
}

const ABSENT = Object.fromEntries(KEYS.map((key) => [key, 'absent'])) as Record<Key, State>;

describeConformance('black-and-whitelists', (router) => {
  it.each(KEYS.flatMap((key) => STATES.map((state) => [key, state] as const)))(
    'decides by %s: %s (BWL-1, BWL-2)',
    async (key, state) => {
      const topic = freshUri();
      const publisher = await router().join();
      const receiver = await router().join();
      await receiver.subscribe(topic);
      const states = { ...ABSENT, [key]: state };
      publisher.publish(topic, ['news'], optionsFor(states, receiver));
      expect(await eventsSoFar(publisher, receiver)).toHaveLength(isReceiver(states) ? 1 : 0);
    },
  );

  it('decides by all six together: every combination of them (BWL-1, BWL-2)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    const receiver = await router().join();
    await receiver.subscribe(topic);
    const expected: number[] = [];
    let number = 0;
    for (const states of combinations()) {
      if (isReceiver(states)) expected.push(number);
      publisher.publish(topic, [number++], optionsFor(states, receiver));
    }
    const received = await eventsSoFar(publisher, receiver);
    expect(received.map(([, , , , args]) => (args as number[])[0])).toEqual(expected);
    expect(expected).toHaveLength(2 ** 3 * 3 ** 3);
  });

  it('applies the lists where each subscriber is (BWL-5)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    const receivers: RawClient[] = [];
    for (let index = 0; index < 6; index++) {
      const receiver = await router().join();
      await receiver.subscribe(topic, { match: index % 2 === 0 ? 'exact' : 'prefix' });
      receivers.push(receiver);
    }
    const sessions = (indices: number[]) => indices.map((index) => receivers[index]!.session);
    const authids = (indices: number[]) => indices.map((index) => receivers[index]!.welcome['authid']);
    const rounds: readonly [object, number[]][] = [
      [{ eligible: sessions([0, 3, 5]) }, [0, 3, 5]],
      [{ exclude: sessions([0, 3, 5]) }, [1, 2, 4]],
      [{ eligible_authid: authids([1, 2]), exclude: sessions([2]) }, [1]],
      [{ eligible: sessions([0, 1, 2]), eligible_authid: authids([2, 3, 4]) }, [2]],
      [{ exclude_authid: authids([0, 1, 2, 3, 4]) }, [5]],
      [{ eligible_authrole: ['anonymous'], exclude_authid: authids([4]) }, [0, 1, 2, 3, 5]],
      [{ exclude_authrole: ['anonymous'] }, []],
      [{ eligible: [] }, []],
      [{ exclude: [] }, [0, 1, 2, 3, 4, 5]],
    ];
    for (const [round, [options]] of rounds.entries()) publisher.publish(topic, [round], options);
    for (const [index, receiver] of receivers.entries()) {
      const received = await eventsSoFar(publisher, receiver);
      const expected = rounds.flatMap(([, indices], round) => (indices.includes(index) ? [[round]] : []));
      expect(received.map(([, , , , args]) => args)).toEqual(expected);
    }
  });

  it.each([
    ['eligible', [1.5]],
    ['eligible', ['1']],
    ['eligible', [0]],
    ['eligible', [-1]],
    ['eligible', 1],
    ['exclude', 'x'],
    ['exclude', [true]],
    ['exclude', { 0: 1 }],
    ['eligible_authid', 'one'],
    ['eligible_authid', [1]],
    ['eligible_authrole', [null]],
    ['exclude_authid', ['a', 2]],
    ['exclude_authrole', 'one'],
  ])('aborts a publisher that sends %s: %j (BWL-3, MSG-6)', async (key, value) => {
    const topic = freshUri();
    const receiver = await router().join();
    await receiver.subscribe(topic);
    const publisher = await router().join();
    publisher.publish(topic, ['news'], { [key]: value });
    expect(await abortedFor(publisher)).toContain(key);
    expect(await eventsSoFar(await router().join(), receiver)).toEqual([]);
  });

  it('takes null for a list that is absent (BWL-2, MSG-7)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    const receiver = await router().join();
    await receiver.subscribe(topic);
    publisher.publish(topic, ['news'], Object.fromEntries(KEYS.map((key) => [key, null])));
    expect((await receiver.receive())[4]).toEqual(['news']);
  });

  it.each([true, false])('does not let eligible override exclude_me: %s (BWL-4)', async (excluded) => {
    const topic = freshUri();
    const publisher = await router().join();
    const other = await router().join();
    await publisher.subscribe(topic);
    await other.subscribe(topic);
    publisher.publish(topic, ['mine'], { eligible: [publisher.session], exclude_me: excluded });
    expect(await eventsSoFar(publisher, publisher)).toHaveLength(excluded ? 0 : 1);
    expect(await eventsSoFar(publisher, other)).toEqual([]);
  });

  it('excludes the publisher by its lists even with exclude_me: false (BWL-1, 7.1)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    await publisher.subscribe(topic);
    publisher.publish(topic, ['mine'], { exclude: [publisher.session], exclude_me: false });
    expect(await eventsSoFar(publisher, publisher)).toEqual([]);
  });

  it('does not mind sessions, authids and authroles that nobody has (BWL-1)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    const receiver = await router().join();
    await receiver.subscribe(topic);
    const strangers = Array.from({ length: 2_000 }, (_, index) => index + 1);
    publisher.publish(topic, ['kept'], { exclude: strangers, exclude_authid: ['__proto__', 'constructor'] });
    publisher.publish(topic, ['listed'], { eligible: [...strangers, receiver.session], acknowledge: true });
    expect((await receiver.receive())[4]).toEqual(['kept']);
    expect((await receiver.receive())[4]).toEqual(['listed']);
    await publisher.expect(Code.PUBLISHED);
  });

  it('does not know of sessions that have left: theirs is nobody (BWL-1)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    const receiver = await router().join();
    const old = receiver.session;
    receiver.send([Code.GOODBYE, {}, 'wamp.close.normal']);
    await receiver.expect(Code.GOODBYE);
    await receiver.hello();
    await receiver.subscribe(topic);
    publisher.publish(topic, ['to the session before'], { eligible: [old] });
    publisher.publish(topic, ['not to the session before'], { exclude: [old] });
    expect((await receiver.receive())[4]).toEqual(['not to the session before']);
  });

  it('honours the lists of a publisher that did not announce the feature (2.4)', async () => {
    const topic = freshUri();
    const publisher = await router().join({ roles: rolesWithout('subscriber_blackwhite_listing') });
    const receivers = [await router().join(), await router().join()] as const;
    for (const receiver of receivers) await receiver.subscribe(topic);
    publisher.publish(topic, ['secret'], { eligible: [receivers[1].session] });
    expect((await receivers[1].receive())[4]).toEqual(['secret']);
    expect(await eventsSoFar(publisher, receivers[0])).toEqual([]);
  });

  it('acknowledges a publication that nobody may receive (BWL-2, BRK-10)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    const receiver = await router().join();
    await receiver.subscribe(topic);
    expect(await publisher.publishAcknowledged(topic, ['nobody'], { eligible: [] })).toBeGreaterThan(0);
    expect(await eventsSoFar(publisher, receiver)).toEqual([]);
  });
});
