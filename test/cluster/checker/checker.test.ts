import { describe, expect, it } from 'vitest';
import { CLOSED, scene } from './checker-scene.js';
import { APP_FAILED } from './judge-calls.js';

describe('the checker reports nothing', () => {
  it('where all went well', () => {
    const { publish, arrive, call, answer, judge, one, all } = scene();
    arrive(publish());
    const both = publish(true, 'com.load.one');
    arrive(both, all);
    arrive(both, one);
    answer(call());
    answer(call({ reply: 'error' }), APP_FAILED);
    expect(judge()).toEqual([]);
  });

  it('about what was sent before SUBSCRIBED, to other topics, or to the publisher itself', () => {
    const { journal, near, publish, judge } = scene();
    publish(true, 'com.other');
    const own = journal.subscribing(near, 'com.other', 'exact');
    publish(true, 'com.other');
    journal.granted(own);
    publish(true, 'com.other');
    expect(judge()).toEqual([]);
  });
});

it('the checker grants the time that a busy machine took, and no more (G3, G4)', () => {
  const { journal, far, publish, call, answer, pass, judge } = scene();
  publish(true);
  pass(1_000);
  journal.ended(far, CLOSED);
  const late = call();
  pass(3_000);
  answer(late);
  const complaints = [
    expect.stringMatching(/^G4: .* never got/),
    expect.stringMatching(/^G3: .* ended after 3003 ms$/),
  ];
  expect(judge()).toEqual(complaints);
  expect(judge({ latenessMs: () => 400 })).toEqual(complaints);
  expect(judge({ latenessMs: () => 1_100 })).toEqual([]);
});

it('the checker bites on sessions that a node ended which nothing happened to (G6)', () => {
  const { journal, near, judge } = scene();
  journal.ended(near, 'wamp.close.system_shutdown');
  expect(judge({}, { sacrificed: new Set(['B']) })).toEqual([
    'G6: near lost its session on A: wamp.close.system_shutdown',
  ]);
  expect(judge({}, { sacrificed: new Set(['A']) })).toEqual([]);
});
