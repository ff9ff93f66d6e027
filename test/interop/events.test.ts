import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';
import { AWKWARD, BULK, describePairs, EventLog, freshUri } from './pairs.js';

describePairs('events', (pair, { library }) => {
  it('carries every kind of value, acknowledged, with the same publication id at both ends', async () => {
    const { near, far } = pair();
    const [topic, log] = [freshUri(), new EventLog()];
    await far.subscribe(topic, log.add);
    const publication = await near.publish(topic, AWKWARD);
    const [event] = await log.take(1);
    expect({ args: event!.args, kwargs: event!.kwargs }).toEqual(AWKWARD);
    if (far.kind.library === 'autobahn') expect(event!.publication).toBe(publication);
  });

  it('carries 512 KiB', async () => {
    const { near, far } = pair();
    const [topic, log] = [freshUri(), new EventLog()];
    await far.subscribe(topic, log.add);
    await near.publish(topic, { args: BULK });
    const [event] = await log.take(1);
    expect(isDeepStrictEqual(event!.args, BULK)).toBe(true);
  });

  it('keeps the order of big and small (ORD-1)', async () => {
    const { near, far } = pair();
    const [topic, log] = [freshUri(), new EventLog()];
    await far.subscribe(topic, log.add);
    const numbers = Array.from({ length: 40 }, (_, number) => number);
    const publishing = numbers.map((number) =>
      near.publish(topic, { args: [number, 'x'.repeat((number % 4) * 9_000)] }),
    );
    await Promise.all(publishing);
    expect((await log.take(numbers.length)).map(({ args }) => args[0])).toEqual(numbers);
  });

  it('matches prefixes and wildcards, and names the topic (PBS-1, PBS-3)', async () => {
    const { near, far, third } = pair();
    const stem = freshUri();
    const [prefix, wildcard] = [new EventLog(), new EventLog()];
    await far.subscribe(stem, prefix.add, { match: 'prefix' });
    await third.subscribe(`${stem}..end`, wildcard.add, { match: 'wildcard' });
    for (const topic of [`${stem}.a.begin`, `${stem}.a.b.end`, `${stem}.a.end`]) await near.publish(topic);
    expect((await prefix.take(3)).map(({ topic }) => topic)).toEqual([
      `${stem}.a.begin`,
      `${stem}.a.b.end`,
      `${stem}.a.end`,
    ]);
    expect((await wildcard.take(1))[0]!.topic).toBe(`${stem}.a.end`);
  });

  it('leaves the publisher out, unless it wants its own event (publisher_exclusion)', async () => {
    const { near, far } = pair();
    const [topic, own, others] = [freshUri(), new EventLog(), new EventLog()];
    await near.subscribe(topic, own.add);
    await far.subscribe(topic, others.add);
    await near.publish(topic, { args: ['for others'] });
    // wampy has no way to send `exclude_me: false`: there the event of another ends the wait.
    const canInclude = library === 'autobahn';
    if (canInclude) await near.publish(topic, { args: ['for all'] }, { exclude_me: false });
    else await far.publish(topic, { args: ['for all'] });
    expect((await own.take(1))[0]!.args).toEqual(['for all']);
    expect((await others.take(1))[0]!.args).toEqual(['for others']);
  });

  it('goes to those who are eligible and not excluded (BWL-1)', async () => {
    const { near, far, third } = pair();
    const topic = freshUri();
    const [atFar, atThird] = [new EventLog(), new EventLog()];
    await far.subscribe(topic, atFar.add);
    await third.subscribe(topic, atThird.add);
    await near.publish(topic, { args: ['eligible'] }, { eligible: [far.session] });
    await near.publish(topic, { args: ['exclude'] }, { exclude: [third.session, 1] });
    await near.publish(topic, { args: ['eligible role'] }, { eligible_authrole: ['nobody'] });
    await near.publish(topic, { args: ['exclude role'] }, { exclude_authrole: ['anonymous'] });
    await near.publish(topic, { args: ['exclude id'] }, { exclude_authid: ['nobody'] });
    expect((await atFar.take(3)).map(({ args }) => args[0])).toEqual(['eligible', 'exclude', 'exclude id']);
    expect((await atThird.take(1))[0]!.args).toEqual(['exclude id']);
  });

  it('names the publisher when it wants that (publisher_identification)', async () => {
    const { near, far } = pair();
    const [topic, log] = [freshUri(), new EventLog()];
    await far.subscribe(topic, log.add);
    await near.publish(topic);
    await near.publish(topic, {}, { disclose_me: true });
    expect((await log.take(2)).map(({ publisher }) => publisher)).toEqual([undefined, near.session]);
  });

  it('comes no more after unsubscribing', async () => {
    const { near, far } = pair();
    const [topic, fence, log] = [freshUri(), freshUri(), new EventLog()];
    const unsubscribe = await far.subscribe(topic, log.add);
    await far.subscribe(fence, log.add);
    await near.publish(topic, { args: [1] });
    expect((await log.take(1))[0]!.args).toEqual([1]);
    await unsubscribe();
    await near.publish(topic, { args: [2] });
    await near.publish(fence, { args: ['fence'] });
    expect((await log.take(1))[0]!.args).toEqual(['fence']);
  });
});
