// Preloaded into a router (`NODE_OPTIONS=--import`) to break one promise on purpose: tests show with it that the checker finds
// what it is there for. SABOTAGE names what is broken.
import { Recovery } from '../../dist/backplane/redis/recovery.js';
import { RedisBackplane } from '../../dist/backplane/redis/redis-backplane.js';
import { RedisConnections } from '../../dist/backplane/redis/connection/connections.js';
import { InterestMirror } from '../../dist/backplane/interest-mirror.js';
import { Lanes } from '../../dist/backplane/redis/lanes/lanes.js';
import { Inbound } from '../../dist/realm/inbound.js';
import { TurnScheduler } from '../../dist/session/turn-scheduler.js';

/** Publications that arrive first, so that what is lost is not taken for a part of the outage. */
const KEPT_COUNT = 100;
/** Some of them acknowledged: what nobody asked about may be among those that the node refused, and counted, in the outage. */
const LOST_COUNT = 15;

/** More messages than a client sends that does not flood. */
const MANY_COUNT = 5_000;
/** Longer than a lease. */
const HELD_MS = 20_000;

const SABOTAGES = {
  /** Some time after each recovery publications of other nodes are lost, and nobody counts them (G4). */
  'lose-after-recovery'() {
    let dueCount = 0;
    const { run } = Recovery.prototype;
    Recovery.prototype.run = async function (...given) {
      await run.apply(this, given);
      dueCount = KEPT_COUNT + LOST_COUNT;
    };
    const { publication } = Inbound.prototype;
    Inbound.prototype.publication = function (...given) {
      const isLost = dueCount > 0 && dueCount <= LOST_COUNT;
      if (dueCount > 0) dueCount--;
      if (!isLost) publication.apply(this, given);
    };
  },

  /** Each publication reads from Redis (G8). */
  'read-for-publications'() {
    let connections;
    const { start } = RedisConnections.prototype;
    RedisConnections.prototype.start = function () {
      connections = this;
      return start.call(this);
    };
    const { publish } = RedisBackplane.prototype;
    RedisBackplane.prototype.publish = function (...given) {
      connections
        ?.scanSet('any')
        .next()
        .catch(() => undefined);
      return publish.apply(this, given);
    };
  },

  /** One message of a client that floods holds the loop of its node (G11). */
  'hold-the-loop'() {
    const counts = new WeakMap();
    const { charge } = TurnScheduler.prototype;
    TurnScheduler.prototype.charge = function (account, ...rest) {
      const count = (counts.get(account) ?? 0) + 1;
      counts.set(account, count);
      const untilMs = count === MANY_COUNT ? Date.now() + HELD_MS : 0;
      while (Date.now() < untilMs);
      return charge.call(this, account, ...rest);
    };
  },

  /** Each publication goes to every node (G9). */
  'send-to-all'() {
    const nodes = new Set();
    const { open, close } = Lanes.prototype;
    Lanes.prototype.open = function (node, ...rest) {
      nodes.add(node);
      return open.call(this, node, ...rest);
    };
    Lanes.prototype.close = function (node) {
      nodes.delete(node);
      return close.call(this, node);
    };
    InterestMirror.prototype.nodesFor = () => [...nodes];
  },
};

SABOTAGES[process.env.SABOTAGE]();
