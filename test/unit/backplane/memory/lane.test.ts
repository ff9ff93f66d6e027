import { describe, expect, it } from 'vitest';
import { Lane, type LaneOptions } from '../../../../src/backplane/memory/lane.js';
import type { NodeId } from '../../../../src/wamp/ids.js';

function laneUnderTest(options: Partial<LaneOptions> = {}) {
  const runs: (() => void)[] = [];
  const received: (string | undefined)[] = [];
  /** What is left of the message `wide`, received last. */
  const parts = (left: number) => (): boolean => {
    received.push('part');
    return --left > 0;
  };
  const lane: Lane<string> = new Lane<string>(
    {
      from: 'a' as NodeId,
      to: 'b' as NodeId,
      schedule: (_from, _to, deliver) => runs.push(deliver),
      limitCount: 4,
      batchCount: Infinity,
      ...options,
    },
    (message) => {
      received.push(message);
      if (message === 'echo') lane.push('echoed');
      return message === 'wide' ? parts(2) : undefined;
    },
  );
  const runAll = (): void => {
    for (let run = runs.shift(); run !== undefined; run = runs.shift()) run();
  };
  return { lane, runs, received, runAll };
}

describe('a lane', () => {
  it('delivers in order, in one run for all that was sent in a turn, and never inside the call', () => {
    const { lane, runs, received } = laneUnderTest();
    lane.push('1');
    lane.push('2');
    expect(received).toEqual([]);
    expect(runs).toHaveLength(1);
    runs.shift()!();
    expect(received).toEqual(['1', '2']);
    expect(runs).toHaveLength(0);
  });

  it('keeps what is sent while it delivers for the next run', () => {
    const { lane, runs, received } = laneUnderTest();
    lane.push('echo');
    runs.shift()!();
    expect(received).toEqual(['echo']);
    runs.shift()!();
    expect(received).toEqual(['echo', 'echoed']);
  });

  it('delivers no more per run than a batch', () => {
    const { lane, runs, received, runAll } = laneUnderTest({ batchCount: 2 });
    for (const message of ['1', '2', '3']) lane.push(message);
    runs.shift()!();
    expect(received).toEqual(['1', '2']);
    runAll();
    expect(received).toEqual(['1', '2', '3']);
  });

  it('takes no more than its limit, and takes again once something was delivered', () => {
    const { lane, runAll, received } = laneUnderTest({ limitCount: 2 });
    expect([lane.push('1'), lane.push('2'), lane.push('3')]).toEqual([true, true, false]);
    runAll();
    expect(lane.push('4')).toBe(true);
    runAll();
    expect(received).toEqual(['1', '2', '4']);
  });

  it('reports a loss where the message would have been, and neighbouring losses once', () => {
    const { lane, runAll, received } = laneUnderTest({ limitCount: 9 });
    lane.push('1');
    lane.loseNext(2);
    lane.push('2');
    lane.push('3');
    lane.push('4');
    runAll();
    expect(received).toEqual(['1', undefined, '4']);
  });

  it('delivers nothing while held, and everything in order when resumed', () => {
    const { lane, runs, received, runAll } = laneUnderTest();
    lane.push('1');
    lane.hold();
    runs.shift()!();
    lane.push('2');
    expect(runs).toHaveLength(0);
    expect(received).toEqual([]);
    lane.resume();
    runAll();
    expect(received).toEqual(['1', '2']);
  });

  it('forgets what is under way beyond the messages kept', () => {
    const { lane, received, runAll } = laneUnderTest();
    for (const message of ['1', '2', '3']) lane.push(message);
    expect(lane.cut(1)).toBe(true);
    expect(lane.cut(1)).toBe(false);
    runAll();
    expect(received).toEqual(['1']);
  });

  it('delivers nothing once closed', () => {
    const { lane, received, runAll } = laneUnderTest();
    lane.push('1');
    lane.close();
    lane.push('2');
    runAll();
    expect(received).toEqual([]);
  });

  it('notifies when all that was under way has been delivered', () => {
    const { lane, received, runAll } = laneUnderTest();
    const notified: number[] = [];
    lane.whenEmpty(() => notified.push(received.length));
    lane.push('1');
    lane.push('2');
    lane.whenEmpty(() => notified.push(received.length));
    expect(notified).toEqual([0]);
    runAll();
    expect(notified).toEqual([0, 2]);
  });
});

describe('a message that its receiver leaves in part', () => {
  function begun() {
    const scene = laneUnderTest();
    scene.lane.push('wide');
    scene.lane.push('next');
    scene.runs.shift()!();
    return scene;
  }

  it('is continued in later runs, before the next message (ORD-1)', () => {
    const { runs, received, runAll } = begun();
    expect(received).toEqual(['wide']);
    runs.shift()!();
    expect(received).toEqual(['wide', 'part']);
    runAll();
    expect(received).toEqual(['wide', 'part', 'part', 'next']);
  });

  it('waits while the lane is held', () => {
    const { lane, received, runAll } = begun();
    lane.hold();
    runAll();
    expect(received).toEqual(['wide']);
    lane.resume();
    runAll();
    expect(received).toEqual(['wide', 'part', 'part', 'next']);
  });

  it('counts as under way', () => {
    const { lane, received, runAll } = begun();
    lane.cut(0);
    lane.whenEmpty(() => received.push('empty'));
    runAll();
    expect(received).toEqual(['wide', 'part', 'part', 'empty']);
  });

  it('is completed when all is to be delivered now', () => {
    const { lane, received } = begun();
    lane.push('wide');
    lane.flush();
    expect(received).toEqual(['wide', 'part', 'part', 'next', 'wide', 'part', 'part']);
  });

  it('is completed when its sender has gone, and dropped when its receiver has', () => {
    const [sender, receiver] = [begun(), begun()];
    sender.lane.end();
    receiver.lane.close();
    sender.runAll();
    receiver.runAll();
    expect([sender.received, receiver.received]).toEqual([['wide', 'part', 'part'], ['wide']]);
  });
});
