import { describe, expect, it } from 'vitest';
import { brokerBench, publishMessage, subscribeNow, unsubscribeMessage } from '../../../support/pubsub.js';
import { testPeer } from '../../../support/recording-outlet.js';

// Finding topics whose 53-bit ids really collide takes minutes: here all of them do.
const derive = (_realm: string, _match: string, _uri: string, attempt: number): number => 1_000 + attempt;

describe('two subscriptions whose ids would be the same', () => {
  it('get different ones, in the order they came, and stay apart (ID-3, PBS-4)', () => {
    const bench = brokerBench({ derive });
    const [peer, other] = [testPeer(), testPeer()];
    expect(subscribeNow(bench, peer, 'a')).toBe(1_000);
    expect(subscribeNow(bench, other, 'b')).toBe(1_001);
    expect(subscribeNow(bench, peer, 'a', 'prefix')).toBe(1_002);
    expect(subscribeNow(bench, other, 'a')).toBe(1_000);
    bench.broker.unsubscribe(peer, unsubscribeMessage(2, 1_000));
    bench.outlet.take();
    bench.broker.publish(testPeer(), publishMessage(1, 'a'), false);
    const delivered = bench.outlet.recorded.flatMap((recorded) =>
      recorded.verb === 'deliver' ? [[recorded.id, recorded.receivers]] : [],
    );
    expect(delivered).toEqual([
      [1_000, [other]],
      [1_002, [peer]],
    ]);
  });
});
