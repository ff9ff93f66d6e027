import { closedLoop, withRouters, type Scenario } from '../bench.js';
import { compare } from '../compare.js';
import { lineUp, withSerializer } from './fanout.js';

const timesPeer = { nexus: 2, crossbar: 10 };

// Calls outstanding are per caller.
const shapes = [
  { callers: 1, callees: 1, outstanding: 1 },
  { callers: 1, callees: 1, outstanding: 256 },
  { callers: 64, callees: 8, outstanding: 16 },
];

export const rpc: Scenario = {
  name: 'rpc',
  about: 'Calls that are echoed; 64 callers share 8 callees by roundrobin. Every result is checked against its call.',
  run: async (bench) => {
    await withRouters(
      lineUp(bench).filter(({ wire }) => wire === 'wamp' || wire === 'relay'),
      false,
      async (started) => {
        for (const serializer of bench.settings.serializers) {
          for (const { callers, callees, outstanding } of shapes) {
            await compare(bench, withSerializer(serializer, started), {
              scenario: rpc.name,
              name: `${callers}×${callees}, ${outstanding} outstanding, ${serializer}`,
              unit: 'call',
              jobs: [{ kind: 'rpc', serializer, callers, callees, payloadBytes: 32 }],
              plan: closedLoop(bench.settings, outstanding),
              ofRelay: 0.5,
              timesPeer,
            });
          }
        }
      },
    );
  },
};
