import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { InterestMirror } from '../../../src/backplane/interest-mirror.js';
import type { MatchPolicy } from '../../../src/wamp/options.js';

const TOPIC_COUNT = 100_000;
const LIMIT_BYTES = 250;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const topicOf = (index: number): string => `com.example.sensors.${index}.temperature`;

for (const match of ['exact', 'prefix'] satisfies MatchPolicy[]) {
  it(`takes at most ${LIMIT_BYTES} bytes for a remote topic, its URI included (${match})`, () => {
    const mirror = new InterestMirror<string>();
    const before = heapBytes();
    for (let index = 0; index < TOPIC_COUNT; index++) mirror.add('n1', topicOf(index), match);
    const bytesPerTopic = (heapBytes() - before) / TOPIC_COUNT;
    expect(mirror.nodesFor(topicOf(1))).toEqual(['n1']);
    expect(bytesPerTopic).toBeLessThan(LIMIT_BYTES);
  });
}
