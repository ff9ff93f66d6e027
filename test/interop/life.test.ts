import type { Session } from 'autobahn';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import type { ConfigInput } from '../../src/config/schema.js';
import { startNode, type RunningNode } from '../../src/node/node.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { Code } from '../../src/wamp/codes.js';
import { cleanups } from '../support/cluster.js';
import { until } from '../support/endings.js';
import { freePort } from '../support/free-port.js';
import { RawClient } from '../support/raw-client.js';
import { AppError, type ClientKind } from './clients/app-client.js';
import { autobahnConnection } from './clients/autobahn-client.js';
import { wampy } from './clients/wampy-client.js';
import { freshUri, join, KINDS, nameOf } from './pairs.js';

const later = cleanups();

/** A router as it is without configuration, but for its ports. */
async function start(port = 0, config: ConfigInput = {}): Promise<RunningNode> {
  const ports = { listen: { port }, ops: { enabled: false }, demo: { enabled: false } };
  const node = await startNode(parseConfig({ ...config, ...ports }), { logger: silentLogger });
  later(() => node.stop());
  return node;
}

async function rawClient(node: RunningNode): Promise<RawClient> {
  const client = await RawClient.join(node.addresses.ws);
  later(() => {
    client.drop();
  });
  return client;
}

describe.each(KINDS.map((kind) => [nameOf(kind), kind] as const))('a session of %s', (_name, kind) => {
  it('leaves with GOODBYE, and what it registered is gone (SES-10, SES-13)', async () => {
    const node = await start();
    const client = await join(kind, node.addresses.ws);
    const procedure = freshUri();
    await client.register(procedure, () => ({}));
    await client.leave();
    await until(() => node.counters.connectionsClosed.goodbye + node.counters.connectionsClosed.peer === 1);
    expect(node.gauges.registrations()).toBe(0);
    expect(node.counters.messagesOut[Code.GOODBYE]).toBe(1);
    expect(node.counters.violations.all).toBe(0);
  });

  it('is notified that the router shuts down, where that is wished, and goes (SES-10)', async () => {
    const node = await start(0, { drain: { farewell: 'goodbye', periodMs: 0 } });
    const client = await join(kind, node.addresses.ws);
    await node.drain();
    expect(await client.ended).toBe('wamp.close.system_shutdown');
    // autobahn closes the socket while its GOODBYE is still being serialized.
    if (kind.library === 'wampy') expect(node.counters.messagesIn[Code.GOODBYE]).toBe(1);
    expect(node.gauges.connections()).toBe(0);
  });

  it('learns why it may not join', async () => {
    const node = await start(0, { realms: [{ name: 'com.example.other', roles: [{ name: 'anonymous' }] }] });
    await expect(join(kind, node.addresses.ws)).rejects.toEqual(new AppError('wamp.error.no_such_realm'));
  });

  it.each([
    ['at once', (node: RunningNode) => node.stop()],
    ['after it drained', (node: RunningNode) => node.drain().then(() => node.stop())],
  ])('comes back by itself when the router has been restarted %s', async (_how, end) => {
    const port = await freePort();
    const first = await start(port, { drain: { periodMs: 0 } });
    const [topic, procedure] = [freshUri(), freshUri()];
    const events: unknown[] = [];
    await stayConnected(kind, first.addresses.ws, { topic, procedure, onEvent: (args) => events.push(args[0]) });
    await until(() => first.gauges.registrations() === 1 && first.gauges.subscriptions() === 1);
    await end(first);
    const second = await start(port);
    await until(() => second.gauges.registrations() === 1 && second.gauges.subscriptions() === 1);
    const other = await rawClient(second);
    other.call(procedure, ['hello']);
    expect((await other.expect(Code.RESULT))[3]).toEqual(['hello']);
    await other.publishAcknowledged(topic, ['news']);
    await until(() => events.length > 0);
    expect(events).toEqual(['news']);
    expect(second.counters.violations.all).toBe(0);
  });
});

interface Stay {
  readonly topic: string;
  readonly procedure: string;
  readonly onEvent: (args: readonly unknown[]) => void;
}

/** As applications do it: autobahn subscribes and registers anew with each session, wampy keeps it. */
async function stayConnected({ library, serializer }: ClientKind, url: string, stay: Stay): Promise<void> {
  if (library === 'autobahn') {
    const connection = autobahnConnection(url, serializer, { initial_retry_delay: 0.02, max_retry_delay: 0.1 });
    connection.onopen = (session: Session) => {
      void session.subscribe(stay.topic, (args) => stay.onEvent(args));
      void session.register(stay.procedure, ([word]) => word);
    };
    connection.onclose = () => false;
    connection.open();
    later(() => {
      if (connection.isConnected) connection.close();
    });
    return;
  }
  const client = wampy(url, serializer, { reconnectInterval: 20, maxRetries: 0 });
  await client.connect();
  later(() => client.disconnect());
  await client.subscribe(stay.topic, ({ argsList }) => stay.onEvent(argsList ?? []));
  await client.register(stay.procedure, ({ argsList }) => ({ argsList: argsList ?? [] }));
}

it('autobahn without a choice of serializers gets its first, JSON (WS-2)', async () => {
  const node = await start();
  const connection = autobahnConnection(node.addresses.ws, 'json', { serializers: undefined });
  const details = await new Promise<Record<string, unknown>>((resolve) => {
    connection.onopen = (_session, welcome) => {
      resolve(welcome);
    };
    connection.open();
  });
  connection.close();
  expect(details['transport']).toMatchObject({ protocol: 'wamp.2.json' });
});

it.each(['json', 'msgpack', 'cbor'] as const)(
  'wampy can call progressively once it announces that it does, which it forgets (PCI-1, PV-8): %s',
  async (serializer) => {
    const node = await start();
    const client = wampy(node.addresses.ws, serializer);
    const announced = client as unknown as { _wamp_features: { roles: { caller: { features: object } } } };
    Object.assign(announced._wamp_features.roles.caller.features, { progressive_call_invocations: true });
    await client.connect();
    later(() => client.disconnect());
    const callee = await rawClient(node);
    const procedure = freshUri();
    const registration = await callee.register(procedure);
    const { result, sendData } = client.progressiveCall(procedure, [1]);
    sendData([2]);
    sendData([3], { progress: false });
    for (const [details, piece] of [
      [{ progress: true }, 1],
      [{ progress: true }, 2],
      [{}, 3],
    ] as const)
      expect(await callee.receive()).toEqual([Code.INVOCATION, 1, registration, details, [piece]]);
    callee.send([Code.YIELD, 1, {}, ['sum']]);
    expect((await result).argsList).toEqual(['sum']);
  },
);
