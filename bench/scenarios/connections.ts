import { measureCase, subjectOf, type Scenario } from '../bench.js';
import { measureGrowth } from './connections/growth.js';
import { roomFor } from './connections/room.js';
import { measureStorm } from './connections/storm.js';

export const connections: Scenario = {
  name: 'connections',
  about:
    'Sessions with one subscription each, to topics of their own, in processes that yield the processor to everybody ' +
    'else, from several addresses of the loopback interface. They come 64 of each process at a time, beside as many ' +
    'WebSocket connections of the relay; then all are dropped at once, and come back at once, with and without ' +
    'limits.maxHandshakesPerSecond; 256 of each process open their connections at the same time. Meanwhile two sessions that were there before exchange 200 events a second.',
  run: async (bench) => {
    const wanted = bench.settings.connections;
    const { count, remedy } = roomFor(wanted);
    const size = remedy === null ? `${count} sessions` : `${count} sessions (${remedy})`;
    await measureCase(bench, connections.name, size, () => measureGrowth(bench, count));
    // The settings of a router that somebody else has started are not known.
    const rates = bench.against === 'nothing' ? [0] : bench.settings.handshakeRates;
    for (const rate of rates) {
      const name = `${count} come back, ${rate === 0 ? 'no limit' : `${rate} per second`}`;
      await measureCase(bench, connections.name, name, () => measureStorm(bench, subjectOf(bench), count, rate));
    }
  },
};
