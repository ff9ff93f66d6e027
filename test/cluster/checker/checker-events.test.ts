import { describe, expect, it } from 'vitest';
import { CLOSED, scene } from './checker-scene.js';

describe('the checker bites on events', () => {
  it('that come twice (G4)', () => {
    const { publish, arrive, judge } = scene();
    const number = publish();
    arrive(number);
    arrive(number);
    expect(judge()).toEqual([expect.stringMatching(/^G4: far got publication 0 .* twice$/)]);
  });

  it('that overtake one another, across topics and subscriptions too (G1)', () => {
    const { publish, arrive, judge, one } = scene();
    const [first, second] = [publish(), publish(false, 'com.load.one')];
    arrive(second, one);
    arrive(first);
    arrive(second);
    expect(judge()).toEqual([expect.stringMatching(/^G1: far got publication 0 .* after the later 1 of near$/)]);
  });

  it.each([
    [true, /^G4: far on B never got acknowledged publication 0 of near on A/],
    [false, /^G4: 1 unacknowledged publications of A never came, but it counts 0: 0$/],
  ])('that are lost without a word, acknowledged: %s (G4)', (acknowledge, violation) => {
    const { publish, arrive, judge } = scene();
    publish(acknowledge);
    arrive(publish());
    expect(judge()).toEqual([expect.stringMatching(violation)]);
  });

  it('that are lost on one node, whatever was lost between nodes (G6)', () => {
    const { journal, publish, judge, far } = scene();
    const beside = journal.opened('beside', () => 'A');
    journal.granted(journal.subscribing(beside, 'com.load', 'prefix'));
    journal.ended(far, CLOSED);
    publish();
    const evidence = { gapsMs: () => [20], refusedCount: () => 9 };
    expect(judge(evidence)).toEqual([expect.stringMatching(/^G4: beside on A never got unacknowledged/)]);
  });

  it('that nobody made, or made to another topic, or that come back (BRK-7, BRK-9, PBS-1)', () => {
    const { journal, near, publish, arrive, judge, one, all } = scene();
    const number = publish();
    arrive(number, one);
    arrive(number, all);
    arrive(7);
    const own = journal.subscribing(near, 'com.load', 'prefix');
    journal.granted(own);
    journal.event(own, number);
    expect(judge().map((violation) => violation.slice(0, 5))).toEqual(['BRK-7', 'PBS-1', 'BRK-9']);
  });

  it('but not on a loss that its receiver reported soon after (G4)', () => {
    const { publish, arrive, judge } = scene();
    publish(true);
    arrive(publish());
    expect(judge({ gapsMs: (at, from) => (at === 'B' && from === 'A' ? [50] : []) })).toEqual([]);
    expect(judge({ gapsMs: (at, from) => (at === 'A' && from === 'B' ? [50] : []) })).toHaveLength(1);
    expect(judge({ gapsMs: () => [5_000] })).toHaveLength(1);
  });

  it('on more losses than the publisher’s node counted (G4)', () => {
    const { publish, arrive, judge } = scene();
    publish();
    publish();
    arrive(publish());
    expect(judge({ refusedCount: () => 1 })).toEqual([expect.stringMatching(/^G4: 2 unacknowledged .* counts 1/)]);
    expect(judge({ refusedCount: () => 2 })).toEqual([]);
  });

  it('on an acknowledged one for which there is only a counter of refusals: PUBLISHED claimed otherwise (G4)', () => {
    const { publish, arrive, judge } = scene();
    publish(true);
    arrive(publish());
    expect(judge({ refusedCount: () => 5 })).toEqual([expect.stringMatching(/never got acknowledged/)]);
  });

  it('but not on those refused with an ERROR, which is counted too (G4)', () => {
    const { journal, near, publish, arrive, judge } = scene();
    journal.publicationAnswered(journal.published(near, 'com.load.two', true), 'wamp.error.network_failure');
    arrive(publish());
    const terms = { troubles: [{ fromMs: 0, toMs: 99 }] };
    expect(judge({ refusedCount: () => 1 }, terms)).toEqual([]);
    expect(judge({ refusedCount: () => 1 })).toEqual([expect.stringMatching(/nothing was wrong with any node$/)]);
    publish();
    arrive(publish());
    expect(judge({ refusedCount: () => 1 }, terms)).toEqual([
      expect.stringMatching(/^G4: 1 unacknowledged .* counts 0/),
    ]);
  });

  it('but not on what was under way when the subscriber’s session ended, unless later ones came (G4)', () => {
    const { journal, far, publish, judge } = scene();
    publish(true);
    journal.ended(far, CLOSED);
    expect(judge()).toEqual([]);
    const other = scene();
    other.publish(true);
    other.arrive(other.publish(true));
    other.journal.ended(other.far, CLOSED);
    expect(other.judge()).toHaveLength(1);
  });

  it('on what was published long before the session ended (G4)', () => {
    const { journal, far, publish, judge, pass } = scene();
    publish(true);
    pass(501);
    journal.ended(far, CLOSED);
    expect(judge()).toHaveLength(1);
  });

  it('on a publication that its publisher’s death does not excuse: it was acknowledged (G4)', () => {
    const dying = scene();
    dying.publish(true);
    dying.journal.ended(dying.near, CLOSED);
    expect(dying.judge()).toHaveLength(1);
    const unanswered = scene();
    unanswered.publish();
    unanswered.journal.ended(unanswered.near, CLOSED);
    expect(unanswered.judge()).toEqual([]);
  });

  it('on acknowledgements that never come, come late, come twice or come unasked (BRK-6)', () => {
    const { journal, near, judge, pass } = scene();
    const [never, late, twice, unasked] = [true, true, true, false].map((isAsked) =>
      journal.published(near, 'com.other', isAsked),
    );
    for (const publication of [twice!, twice!, unasked!]) journal.publicationAnswered(publication, '');
    pass(3_000);
    journal.publicationAnswered(late!, '');
    expect(judge()).toEqual([
      `G4: publication ${never!.number} of near was never answered`,
      expect.stringMatching(/^G4: publication 1 of near was answered after 30\d\d ms$/),
      `G4: publication ${twice!.number} of near was answered 2 times`,
      `BRK-6: publication ${unasked!.number} of near was answered unasked`,
    ]);
  });
});
