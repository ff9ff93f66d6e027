import { measureCase, type Scenario } from '../bench.js';
import type { Cluster } from '../cluster/cluster.js';
import { gantryRealm } from '../routers/gantry.js';
import { measureHistory, measureRecorded } from './meta/history.js';
import { measureJoins } from './meta/joins.js';
import { measureList } from './meta/list.js';
import { measureRetained } from './meta/retained.js';
import { roomFor } from './connections/room.js';
import { recordedTopic, retainedPrefix } from './meta/topics.js';

const allow = { call: true, register: true, publish: true, subscribe: true };

/** Keeps all that the cases store. */
const realm = {
  name: gantryRealm,
  roles: [{ name: 'anonymous', permissions: [{ uri: '', match: 'prefix', allow }] }],
  history: [{ uri: recordedTopic, limit: 100_000, maxBytes: 1_073_741_824 }],
  retention: { topics: [{ uri: retainedPrefix, match: 'prefix' }], maxTopics: 100_000, maxBytes: 1_073_741_824 },
};

export const meta: Scenario = {
  name: 'meta',
  about:
    'Two nodes over Redis. Joins on node A without and with a subscriber of wamp.session.on_join on node B, in turn; ' +
    'wamp.session.list; get_events; acknowledged publications with and without a history, in turn; subscriptions ' +
    'with and without get_retained, in turn. CPU time of the nodes and of Redis.',
  run: async (bench) => {
    if (bench.against === 'peers' || bench.against === 'nothing') return;
    const { stormSessions, listedSessions, storedEvents, retainedTopics } = bench.settings;
    const { count: perNode, remedy } = roomFor(listedSessions / 2);
    const listed = 2 * perNode;
    const cases: readonly (readonly [name: string, measure: (cluster: Cluster) => Promise<Figures>])[] = [
      [`${stormSessions} joins`, (cluster) => measureJoins(bench, cluster)],
      [
        remedy === null ? `list of ${listed} sessions` : `list of ${listed} sessions (${remedy})`,
        (cluster) => measureList(bench, cluster, listed),
      ],
      ['acknowledged publications', (cluster) => measureRecorded(bench, cluster)],
      [`get_events of ${storedEvents}`, (cluster) => measureHistory(bench, cluster)],
      [`${retainedTopics} topics, get_retained`, (cluster) => measureRetained(bench, cluster)],
    ];
    const environment = { GANTRY_REALMS: JSON.stringify([realm]) };
    await bench.clusters.withFresh(
      false,
      async (cluster) => {
        for (const [name, measure] of cases) await measureCase(bench, meta.name, name, () => measure(cluster));
      },
      environment,
    );
  },
};

type Figures = Awaited<ReturnType<typeof measureJoins>>;
