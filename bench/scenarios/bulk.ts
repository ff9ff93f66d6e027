import { closedLoop, withRouters, type Scenario } from '../bench.js';
import { compare } from '../compare.js';
import { fanoutJobs, lineUp, topic } from './fanout.js';

/** So many publications under way that the publisher never waits for anything but its socket. */
const window = 32_768;

export const bulk: Scenario = {
  name: 'bulk',
  about: 'A publisher that sends as fast as its socket takes it, and is no attacker: every event must arrive.',
  run: async (bench) => {
    await withRouters(lineUp(bench), false, async (started) => {
      for (const subscribers of [1, 10]) {
        for (const payloadBytes of bench.settings.payloads) {
          await compare(bench, started, {
            scenario: bulk.name,
            name: `1→${subscribers}, ${payloadBytes} B, json`,
            unit: 'event',
            jobs: fanoutJobs(bench.settings, 'json', new Array<'json'>(subscribers).fill('json'), payloadBytes, topic),
            plan: closedLoop(bench.settings, bench.settings.mode === 'smoke' ? 512 : window),
            ofRelay: 0.4,
            ofBefore: 0.9,
            timesPeer: {},
          });
        }
      }
    });
  },
};
