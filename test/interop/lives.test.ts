import { describe, expect, it } from 'vitest';
import { BackplaneUnavailableError, type Backplane } from '../../src/backplane/backplane.js';
import { FaultyHub } from '../support/memory-faults.js';
import { parseConfig } from '../../src/config/load.js';
import type { ConfigInput } from '../../src/config/schema.js';
import { startNode, type NodeDependencies, type RunningNode } from '../../src/node/node.js';
import { Deferred } from '../../src/util/deferred.js';
import { Code } from '../../src/wamp/codes.js';
import type { NodeId } from '../../src/wamp/ids.js';
import { CloseUri, ErrorUri } from '../../src/wamp/uris.js';
import { cleanups } from '../support/cluster.js';
import { until } from '../support/endings.js';
import { freePort } from '../support/free-port.js';
import { RawClient } from '../support/raw-client.js';
import { RecordingLogger } from '../support/recording-logger.js';

const later = cleanups();

/** A node whose lives join one hub, and a store that can be away when one begins. */
class Scene {
  readonly hub = new FaultyHub();
  readonly logger = new RecordingLogger();
  readonly lives: NodeId[] = [];
  isStoreAway = false;
  /** Attempts to begin a life. */
  attemptCount = 0;

  async start(config: ConfigInput = {}, more: Partial<NodeDependencies> = {}): Promise<RunningNode> {
    const ports = { listen: { port: 0 }, ops: { port: 0 }, demo: { enabled: false } };
    const node = await startNode(parseConfig({ ...ports, ...config }), {
      logger: this.logger,
      backplane: () => this.#join(),
      ...more,
    });
    later(() => node.stop());
    return node;
  }

  /** Another node of the cluster, without clients; reports the nodes that have gone. */
  async witness(): Promise<{ readonly gone: readonly NodeId[] }> {
    const gone: NodeId[] = [];
    const nothing = (): undefined => undefined;
    const backplane = this.hub.join('witness' as NodeId);
    await backplane.start({
      publication: nothing,
      frame: nothing,
      registration: nothing,
      gap: nothing,
      returned: nothing,
      down: nothing,
      up: nothing,
      fenced: nothing,
      nodeGone: (node) => gone.push(node),
    });
    await backplane.serve('realm1');
    later(() => backplane.stop());
    return { gone };
  }

  get life(): NodeId {
    return this.lives.at(-1)!;
  }

  /** Its lease runs out while it is cut off; then it is back. */
  fence(): void {
    const { faults } = this.hub;
    const node = this.life;
    faults.isolate(node);
    faults.declareDead(node);
    faults.heal(node);
  }

  #join(): Backplane {
    const id = `life-${this.lives.length + 1}` as NodeId;
    this.lives.push(id);
    const backplane = this.hub.join(id);
    const start = backplane.start.bind(backplane);
    backplane.start = (events) => {
      this.attemptCount++;
      return this.isStoreAway ? Promise.reject(new BackplaneUnavailableError('start')) : start(events);
    };
    return backplane;
  }
}

async function answerOf(node: RunningNode, path: string): Promise<[number, unknown]> {
  const response = await fetch(new URL(path, node.addresses.ops));
  return [response.status, await response.json()];
}

async function join(node: RunningNode): Promise<RawClient> {
  const client = await RawClient.join(node.addresses.ws);
  later(() => client.drop());
  return client;
}

describe('a node that was declared dead while it was cut off', () => {
  it.each(['close', 'goodbye'] as const)(
    'sends its clients away and comes back under another id, at the same address (G5): %s',
    async (farewell) => {
      const scene = new Scene();
      const witness = await scene.witness();
      const node = await scene.start({ drain: { farewell } });
      const { addresses } = node;
      const [callee, caller] = [await join(node), await join(node)];
      await callee.register('com.a');
      caller.call('com.a');
      await callee.expect(Code.INVOCATION);
      scene.fence();
      expect((await caller.expect(Code.ERROR)).slice(3)).toEqual([{}, ErrorUri.CANCELED, ['the callee has left']]);
      for (const session of farewell === 'close' ? [callee, caller] : []) {
        expect(await session.closed).toEqual({ code: 1012, reason: 'the router restarts: connect again' });
        expect(session.unread.map(([code]) => code)).not.toContain(Code.GOODBYE);
      }
      for (const session of farewell === 'goodbye' ? [callee, caller] : []) {
        expect(await session.expect(Code.GOODBYE)).toEqual([
          Code.GOODBYE,
          { message: expect.stringContaining('connect again') as unknown },
          CloseUri.SYSTEM_SHUTDOWN,
        ]);
        session.send([Code.GOODBYE, {}, CloseUri.GOODBYE_AND_OUT]);
        expect((await session.closed).code).toBe(1001);
      }
      await scene.logger.until('node.rejoined');
      expect(node.addresses).toEqual(addresses);
      expect(scene.logger.of('node.fenced')).toHaveLength(1);
      expect(scene.logger.of('node.rejoined')[0]?.fields.peer).toBe('life-1');
      expect(witness.gone).toEqual(['life-1']);
      const again = await join(node);
      await again.register('com.a');
      expect([node.gauges.sessions(), node.gauges.registrations()]).toEqual([1, 1]);
      expect(node.counters.sessionsOpened.all).toBe(3);
      expect(scene.hub.rowCount('life-1' as NodeId)).toBe(0);
      expect(scene.hub.rowCount('life-2' as NodeId)).toBeGreaterThan(0);
    },
  );

  it('does so again and again, and does not wait for clients that do not answer', async () => {
    const scene = new Scene();
    const node = await scene.start({ limits: { goodbyeTimeoutMs: 100 }, drain: { farewell: 'goodbye' } });
    for (let time = 1; time <= 3; time++) {
      const client = await join(node);
      scene.fence();
      await scene.logger.until('node.rejoined', time);
      await client.closed;
    }
    expect(scene.lives).toHaveLength(4);
    expect(await answerOf(node, 'readyz')).toEqual([200, { status: 'ready' }]);
  });

  it('tries until the others can be reached; meanwhile it is alive, not ready, and reports why', async () => {
    const scene = new Scene();
    const node = await scene.start();
    scene.isStoreAway = true;
    scene.fence();
    await scene.logger.until('node.start_failed', 2);
    expect(await answerOf(node, 'healthz')).toEqual([200, { status: 'alive' }]);
    const [status, body] = await answerOf(node, 'readyz');
    expect([status, body]).toEqual([
      503,
      { status: 'not ready', reason: expect.stringContaining('declared this node dead') as unknown },
    ]);
    expect((await fetch(new URL('metrics', node.addresses.ops))).status).toBe(200);
    await expect(RawClient.connect(node.addresses.ws)).rejects.toThrow(/ECONNREFUSED/);
    expect(scene.logger.of('node.start_failed').map(({ fields: { count } }) => count)).toEqual([1, 2]);
    scene.isStoreAway = false;
    await scene.logger.until('node.rejoined');
    await join(node);
    expect((await answerOf(node, 'readyz'))[0]).toBe(200);
  });

  it.each(['drain', 'stop'] as const)('can be asked to %s meanwhile', async (how) => {
    const scene = new Scene();
    const node = await scene.start();
    scene.isStoreAway = true;
    scene.fence();
    await scene.logger.until('node.start_failed');
    await node[how]();
    const { attemptCount } = scene;
    scene.isStoreAway = false;
    await node.stop();
    await expect(RawClient.connect(node.addresses.ws)).rejects.toThrow(/ECONNREFUSED/);
    expect(scene.attemptCount).toBe(attemptCount);
    expect(scene.logger.of('node.rejoined')).toEqual([]);
    expect(scene.hub.rowCount(scene.life)).toBe(0);
  });

  it('ends its drain at once: nothing that is under way can be finished', async () => {
    const scene = new Scene();
    const node = await scene.start({ limits: { goodbyeTimeoutMs: 100 }, drain: { periodMs: 0, deadlineMs: 600_000 } });
    const [callee, caller] = [await join(node), await join(node)];
    await callee.register('com.a');
    caller.call('com.a');
    await callee.expect(Code.INVOCATION);
    const drained = node.drain();
    scene.fence();
    await drained;
    await node.stop();
    expect(node.gauges.sessions()).toBe(0);
    expect(scene.lives).toHaveLength(1);
  });
});

describe('a node that is asked to leave while it reloads its configuration', () => {
  it('refuses the new configuration, and sends clients of its new realm away', async () => {
    const scene = new Scene();
    const served = new Deferred();
    const asked = new Deferred();
    const backplane = scene.hub.join('life-1' as NodeId);
    const serve = backplane.serve.bind(backplane);
    backplane.serve = async (realm) => {
      if (realm === 'realm2') asked.resolve();
      if (realm === 'realm2') await served.promise;
      await serve(realm);
    };
    const roles = [{ name: 'anonymous' }];
    const next = parseConfig({
      listen: { port: 0 },
      ops: { port: 0 },
      demo: { enabled: false },
      drain: { periodMs: 0 },
      realms: [
        { name: 'realm1', roles },
        { name: 'realm2', roles },
      ],
    });
    const node = await scene.start(
      { drain: { periodMs: 0 }, realms: [{ name: 'realm1', roles }] },
      { backplane: () => backplane, load: () => ({ config: next, validity: undefined, advice: [] }) },
    );
    const reloaded = node.reload();
    await asked.promise;
    const client = await RawClient.connect(node.addresses.ws);
    later(() => client.drop());
    client.send([Code.HELLO, 'realm2', { roles: { caller: {} } }]);
    await until(() => node.counters.messagesIn[Code.HELLO] === 1);
    const drained = node.drain();
    expect(await client.closed).toEqual({ code: 1013, reason: 'this router is going away: connect again' });
    served.resolve();
    expect(await reloaded).toEqual({ result: 'refused', faults: [expect.stringContaining('the node leaves')] });
    await drained;
    expect(scene.logger.of('config.reloaded')).toEqual([]);
  });
});

describe('a node that starts while the others cannot be reached', () => {
  it('fails at once, by name, unless it may wait', async () => {
    const scene = new Scene();
    scene.isStoreAway = true;
    await expect(scene.start()).rejects.toThrow(BackplaneUnavailableError);
    expect(scene.attemptCount).toBe(1);
  });

  it('tries until they can be, alive and not ready, with a line for each attempt', async () => {
    const scene = new Scene();
    scene.isStoreAway = true;
    const port = await freePort();
    const starting = scene.start({ ops: { port } }, { startTimeoutMs: 60_000 });
    await scene.logger.until('node.start_failed');
    const response = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect([response.status, await response.json()]).toEqual([503, { status: 'not ready', reason: 'starting' }]);
    scene.isStoreAway = false;
    const node = await starting;
    await join(node);
    expect(scene.logger.of('node.start_failed').length).toBe(scene.attemptCount - 1);
    expect(scene.logger.of('node.started')).toHaveLength(1);
  });

  it('fails with the reason when the time is over, everything closed', async () => {
    const scene = new Scene();
    scene.isStoreAway = true;
    const port = await freePort();
    const ops = { port };
    await expect(scene.start({ ops }, { startTimeoutMs: 300 })).rejects.toThrow(BackplaneUnavailableError);
    expect(scene.attemptCount).toBe(2);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow('fetch failed');
  });

  it('gives up when it is asked to', async () => {
    const scene = new Scene();
    scene.isStoreAway = true;
    const abort = new AbortController();
    const starting = scene.start({}, { startTimeoutMs: 60_000, abort: abort.signal });
    const failed = expect(starting).rejects.toThrow('stopped while it started');
    await scene.logger.until('node.start_failed');
    abort.abort();
    await failed;
  });

  it('opens nothing any more when it is asked to before it has opened anything', async () => {
    const scene = new Scene();
    const port = await freePort();
    const abort = new AbortController();
    const starting = scene.start({ ops: { port } }, { abort: abort.signal });
    abort.abort();
    await expect(starting).rejects.toThrow('stopped while it started');
    expect(scene.attemptCount).toBe(0);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow('fetch failed');
    await expect(scene.start({}, { abort: abort.signal })).rejects.toThrow('stopped while it started');
    expect(scene.logger.of('node.starting')).toHaveLength(1);
  });

  it('does not wait for what only somebody else can mend: a port in use', async () => {
    const scene = new Scene();
    const node = await scene.start();
    const port = Number(new URL(node.addresses.ws).port);
    await expect(scene.start({ listen: { port } }, { startTimeoutMs: 60_000 })).rejects.toThrow('in use');
    expect(scene.attemptCount).toBe(2);
    expect(scene.hub.rowCount(scene.life)).toBe(0);
  });
});
