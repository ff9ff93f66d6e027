import { closedLoop, withRouters, type Scenario } from '../bench.js';
import { compare } from '../compare.js';
import { lineUp } from './fanout.js';

const callsOutstanding = 4;

export const progressive: Scenario = {
  name: 'progressive',
  about: 'Calls answered with many progressive results each; all must come, in order, the final one last.',
  run: async (bench) => {
    const { serializers, chunksPerCall } = bench.settings;
    await withRouters(lineUp(bench), false, async (started) => {
      for (const serializer of serializers) {
        await compare(bench, started, {
          scenario: progressive.name,
          name: `${chunksPerCall} chunks, ${serializer}`,
          unit: 'chunk',
          jobs: [{ kind: 'progressive', serializer, chunksPerCall, payloadBytes: 32 }],
          plan: closedLoop(bench.settings, callsOutstanding),
          ofRelay: 0.5,
          timesPeer: {},
        });
      }
    });
  },
};
