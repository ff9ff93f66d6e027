import { closedLoop, withRouters, type Bench, type Scenario, type Started } from '../bench.js';
import { compare } from '../compare.js';
import type { Settings } from '../settings.js';
import type { Serializer } from '../load/endpoint.js';
import type { FanoutJob } from '../load/job.js';

export const topic = 'com.bench.topic';

const timesPeer = { nexus: 5, crossbar: 20 };

export const fanout: Scenario = {
  name: 'fanout',
  about: 'One publisher, N subscribers of one topic; every event is checked for order and content.',
  run: async (bench) => {
    await withRouters(lineUp(bench), false, async (started) => {
      for (const { serializer, subscribers, payloadBytes } of casesOf(bench)) {
        await compare(bench, withSerializer(serializer, started), {
          scenario: fanout.name,
          name: `1→${subscribers}, ${payloadBytes} B, ${serializer}`,
          unit: 'event',
          jobs: fanoutJobs(
            bench.settings,
            serializer,
            new Array<Serializer>(subscribers).fill(serializer),
            payloadBytes,
            topic,
          ),
          plan: closedLoop(bench.settings, windowFor(subscribers)),
          ofRelay: subscribers === 1 ? 0.5 : 0.7,
          timesPeer,
        });
      }
    });
  },
};

/** The routers that are measured with this serializer. */
export function withSerializer(serializer: Serializer, started: readonly Started[]): readonly Started[] {
  return started.filter(({ router }) => router.serializers?.includes(serializer) !== false);
}

/** The relay first, where there is one. */
export function lineUp(bench: Bench): Bench['routers'] {
  return bench.relay === null ? bench.routers : [bench.relay, ...bench.routers];
}

/** One job for each load process of the settings; the first also publishes. */
export function fanoutJobs(
  settings: Settings,
  publisher: Serializer,
  subscribers: readonly Serializer[],
  payloadBytes: number,
  topicUri: string,
): FanoutJob[] {
  const processes = Math.ceil(subscribers.length / settings.subscribersPerProcess);
  const size = Math.ceil(subscribers.length / processes);
  const shares = Array.from({ length: processes }, (_, index) => subscribers.slice(index * size, (index + 1) * size));
  const others = shares.slice(1).map((share) => share.length);
  return shares.map((share, index) => ({
    kind: 'fanout',
    publisher: index === 0 ? publisher : null,
    subscribers: share,
    remoteSubscribers: index === 0 ? others : [],
    topic: topicUri,
    payloadBytes,
  }));
}

/** Enough publications under way that neither side waits for the other, and few enough that no outbox fills up. */
export function windowFor(subscribers: number): number {
  if (subscribers < 10) return 1_024;
  if (subscribers < 50) return 512;
  return subscribers < 500 ? 128 : 32;
}

function casesOf({ settings }: Bench): { serializer: Serializer; subscribers: number; payloadBytes: number }[] {
  return settings.serializers.flatMap((serializer) =>
    settings.payloads.flatMap((payloadBytes) =>
      settings.fanouts.map((subscribers) => ({ serializer, subscribers, payloadBytes })),
    ),
  );
}
