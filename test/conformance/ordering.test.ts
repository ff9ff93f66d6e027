import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { answer, callAgain, freshUri, invocation, progress, receiveUntil, refuse } from '../support/exchange.js';
import { eventsSoFar, settled, SILENCE } from '../support/fences.js';
import type { Message, RawClient } from '../support/raw-client.js';
import { describeApart } from '../support/uneven-lanes.js';

/** Small ones mostly, and now and then one that fills a write of its own. */
function filling(number: number): string {
  return 'x'.repeat(number % 25 === 0 ? 70_000 : number % 7);
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number);
}

/** The numbers of `who` in messages whose arguments are [who, number, …]. */
function numbersOf(who: number, messages: readonly Message[]): number[] {
  return messages.flatMap(([, , , , args]) => ((args as number[])[0] === who ? [(args as number[])[1]!] : []));
}

describeApart('ordering', (router) => {
  async function joinAll(count: number): Promise<RawClient[]> {
    const clients: RawClient[] = [];
    for (let index = 0; index < count; index++) clients.push(await router().join());
    return clients;
  }

  it('delivers the events of each publisher in their order, across topics and patterns, to everybody (ORD-1)', async () => {
    const own = freshUri();
    const topics = ['a', 'b', 'a.b', 'b.c', 'c'].map((tail) => `${own}.${tail}`);
    const publishers = await joinAll(3);
    const subscribers: { client: RawClient; wanted: Map<number, (topic: string) => boolean> }[] = [];
    for (const [index, client] of (await joinAll(4)).entries()) {
      // Each receives a different part, by different matches.
      const wanted = new Map<number, (topic: string) => boolean>();
      for (const [place, topic] of topics.entries())
        if ((index + place) % 3 > 0) wanted.set(await client.subscribe(topic), (one) => one === topic);
      const prefix = topics[index]!;
      wanted.set(await client.subscribe(prefix, { match: 'prefix' }), (one) => one.startsWith(prefix));
      wanted.set(await client.subscribe(`${own}..`, { match: 'wildcard' }), (one) => one.split('.').length === 6);
      wanted.set(await client.subscribe(`${own}.`, { match: 'wildcard' }), (one) => one.split('.').length === 5);
      subscribers.push({ client, wanted });
    }
    const eventCount = 150;
    const topicOf = (by: number, number: number): string => topics[(number * (by + 1)) % topics.length]!;
    for (const number of upTo(eventCount))
      for (const [by, publisher] of publishers.entries())
        publisher.publish(topicOf(by, number), [by, number, filling(number + by)], { acknowledge: number % 10 === 3 });

    for (const { client, wanted } of subscribers) {
      const events: Message[] = [];
      for (const publisher of publishers) events.push(...(await eventsSoFar(publisher, client)));
      const received = events.filter(([, subscription]) => wanted.has(subscription as number));
      for (const by of publishers.keys()) {
        const sequence = numbersOf(by, received);
        expect(sequence).toEqual([...sequence].sort((one, other) => one - other));
        for (const [id, wants] of wanted) {
          const ofIt = received.filter(([, subscription]) => subscription === id);
          const expected = upTo(eventCount).filter((number) => wants(topicOf(by, number)));
          expect(numbersOf(by, ofIt)).toEqual(expected);
        }
      }
    }
  });

  it('sends SUBSCRIBED before the first event, while publishers do not pause (ORD-2)', async () => {
    const publishers = await joinAll(3);
    const subscribers = await joinAll(3);
    for (const round of upTo(10)) {
      const topic = freshUri();
      const match = round % 2 === 0 ? 'exact' : 'prefix';
      let number = 0;
      const publish = (): void => {
        for (const [by, publisher] of publishers.entries()) publisher.publish(topic, [by, number]);
        number++;
      };
      for (let count = 0; count < 5; count++) publish();
      const requests = subscribers.map((subscriber) => {
        publish();
        return subscriber.request(Code.SUBSCRIBE, { match }, topic);
      });
      for (let count = 0; count < 5; count++) publish();
      for (const [index, subscriber] of subscribers.entries()) {
        const [code, request, subscription] = await subscriber.receive();
        expect([code, request]).toEqual([Code.SUBSCRIBED, requests[index]]);
        const firstAfter = number;
        publish();
        const events: Message[] = [];
        for (const publisher of publishers) events.push(...(await eventsSoFar(publisher, subscriber)));
        const received = events.filter(([, id]) => id === subscription);
        for (const by of publishers.keys()) {
          const sequence = numbersOf(by, received);
          // From some moment on all of it, and from SUBSCRIBED on in any case.
          expect(sequence).toEqual(upTo(number).slice(number - sequence.length));
          expect(sequence).toContain(firstAfter);
        }
        const unsubscribe = subscriber.request(Code.UNSUBSCRIBE, subscription);
        for (let message = await subscriber.receive(); ; message = await subscriber.receive())
          if (message[0] === Code.UNSUBSCRIBED && message[1] === unsubscribe) break;
      }
    }
  });

  it('brings the calls of each caller in their order, across procedures and patterns, to each callee (ORD-3)', async () => {
    const own = freshUri();
    const callers = await joinAll(3);
    const callees = (await joinAll(3)) as [RawClient, RawClient, RawClient];
    await callees[0].register(`${own}.exact`);
    await callees[0].register(`${own}.prefix`, { match: 'prefix' });
    await callees[1].register(`${own}..wildcard`, { match: 'wildcard' });
    for (const callee of callees) await callee.register(`${own}.shared`, { invoke: 'random' });
    const procedures = ['shared', 'exact', 'prefix.a', 'x.wildcard', 'shared', 'prefix', 'y.wildcard'];
    const callCount = 150;
    for (const number of upTo(callCount))
      for (const [by, caller] of callers.entries())
        caller.call(`${own}.${procedures[(number + by) % procedures.length]!}`, [by, number, filling(number + by)]);
    const received = callers.map((): number[] => []);
    for (const callee of callees) {
      const invocations: Message[] = [];
      for (const caller of callers) invocations.push(...(await settled(caller, callee)).atCallee);
      expect(invocations.map(([code]) => code)).toEqual(invocations.map(() => Code.INVOCATION));
      // Each callee counts for itself, all its callers together (ID-4); those that are missing were fences.
      const requests = invocations.map(([, request]) => request as number);
      expect(requests).toEqual([...new Set(requests)].sort((one, other) => one - other));
      for (const by of callers.keys()) {
        const sequence = numbersOf(by, invocations);
        expect(sequence).toEqual([...sequence].sort((one, other) => one - other));
        received[by]!.push(...sequence);
      }
    }
    for (const sequence of received) expect(sequence.sort((one, other) => one - other)).toEqual(upTo(callCount));
  });

  it('lets a call that another callee refused come late, and moves no other (ORD-3, RRT-1)', async () => {
    const own = freshUri();
    const caller = await router().joinAt(0);
    const [refusing, callee] = [await router().joinAt(1), await router().joinAt(2)];
    await refusing.register(`${own}.shared`, { invoke: 'first' });
    await callee.register(`${own}.shared`, { invoke: 'first' });
    await callee.register(`${own}.known`);
    const callCount = 60;
    const isShared = (number: number): boolean => number % 3 === 1;
    for (const number of upTo(callCount))
      caller.call(`${own}.${isShared(number) ? 'shared' : 'known'}`, [
        0,
        number,
        isShared(number) ? '' : filling(number),
      ]);
    for (let refused = 0; refused < callCount / 3; refused++)
      refuse(refusing, (await invocation(refusing)).request, 'wamp.error.unavailable');
    // Behind the refusals, and so behind what went on because of them.
    expect(await settled(caller, refusing)).toEqual(SILENCE);
    const { atCallee } = await settled(caller, callee);
    const came = numbersOf(0, atCallee);
    expect([...came].sort((one, other) => one - other)).toEqual(upTo(callCount));
    expect(came.filter((number) => !isShared(number))).toEqual(upTo(callCount).filter((number) => !isShared(number)));
    for (const [place, number] of came.entries())
      expect(came.slice(0, place)).toEqual(
        expect.arrayContaining(upTo(number).filter((earlier) => !isShared(earlier))),
      );
  });

  it('sends REGISTERED before the first invocation, while callers do not pause (ORD-4, ORD-3)', async () => {
    const callers = await joinAll(3);
    const callee = await router().join();
    const known = freshUri();
    const knownRegistration = await callee.register(known);
    for (const round of upTo(20)) {
      const procedure = freshUri();
      const match = round % 2 === 0 ? 'exact' : 'prefix';
      let number = 0;
      // One after the other: those to the new procedure have even numbers, those to the known one odd numbers.
      const call = (): void => {
        for (const [by, caller] of callers.entries()) {
          caller.call(procedure, [by, number]);
          caller.call(known, [by, number + 1]);
        }
        number += 2;
      };
      for (let count = 0; count < 5; count++) call();
      const request = callee.request(Code.REGISTER, { match }, procedure);
      for (let count = 0; count < 5; count++) call();
      const early = await receiveUntil(callee, ([code]) => code === Code.REGISTERED);
      const [, answered, registration] = early.pop()!;
      expect(answered).toBe(request);
      expect(early.map(([, , id]) => id)).toEqual(early.map(() => knownRegistration));
      const firstAfter = number;
      call();
      const invocations = early;
      for (const [by, caller] of callers.entries()) {
        const { atCaller, atCallee } = await settled(caller, callee);
        invocations.push(...atCallee);
        // Whatever did not reach the callee was refused: nothing is lost in between.
        const refused = atCaller.filter(([, , , , error]) => error === 'wamp.error.no_such_procedure');
        expect(refused).toHaveLength(atCaller.length);
        expect(refused.length).toBeLessThanOrEqual(firstAfter / 2);
        const isExpected = (one: number): boolean => one % 2 === 1 || one >= refused.length * 2;
        expect(numbersOf(by, invocations)).toEqual(upTo(number).filter(isExpected));
      }
      expect(new Set(invocations.map(([, , id]) => id))).toEqual(new Set([registration, knownRegistration]));
      for (const [, invoked] of invocations) answer(callee, invoked as number, ['answered']);
      for (const caller of callers) {
        const { atCaller } = await settled(caller, callee);
        expect(atCaller.map(([result]) => result)).toEqual(atCaller.map(() => Code.RESULT));
      }
      callee.request(Code.UNREGISTER, registration);
      await callee.expect(Code.UNREGISTERED);
    }
  });

  it('keeps chunks and progress of many calls in order, each before its final answer (ORD-5)', async () => {
    const callers = await joinAll(3);
    const callees = await joinAll(3);
    const procedures: string[] = [];
    for (const callee of callees) {
      procedures.push(freshUri());
      await callee.register(procedures.at(-1)!);
    }
    const chunkCount = 60;
    const more = { progress: true };
    const calls = callers.map((caller) =>
      procedures.map((procedure) => caller.call(procedure, [0], { ...more, receive_progress: true })),
    );
    for (let chunk = 1; chunk <= chunkCount; chunk++)
      for (const [by, caller] of callers.entries())
        for (const [to, procedure] of procedures.entries())
          callAgain(caller, calls[by]![to]!, procedure, [chunk, filling(chunk)], chunk < chunkCount ? more : {});
    for (const callee of callees) {
      const received = new Map<number, unknown[]>();
      for (let count = 0; count < callers.length * (chunkCount + 1); count++) {
        const { request, payload, details } = await invocation(callee);
        const [chunk] = payload[0] as [number];
        received.set(request, [...(received.get(request) ?? []), chunk]);
        if (details['progress'] === true) progress(callee, request, [chunk, filling(chunk + 3)]);
        else answer(callee, request, ['end']);
        progress(callee, request, details['progress'] === true ? [chunk, 'twice'] : ['after the end']);
      }
      expect([...received.values()]).toEqual(callers.map(() => upTo(chunkCount + 1)));
    }
    const expected = [...upTo(chunkCount).flatMap((chunk) => [chunk, chunk]), 'end'];
    for (const [by, caller] of callers.entries()) {
      const results: Message[] = [];
      for (const callee of callees) results.push(...(await settled(caller, callee)).atCaller);
      for (const call of calls[by]!) {
        const ofCall = results.filter(([, answered]) => answered === call);
        expect(ofCall.map(([, , , args]) => (args as unknown[])[0])).toEqual(expected);
        expect(ofCall.at(-1)!.slice(0, 3)).toEqual([Code.RESULT, call, {}]);
      }
    }
  });
});
