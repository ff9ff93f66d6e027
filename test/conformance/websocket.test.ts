import { describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { cleanups, startCluster } from '../support/cluster.js';
import { describeConformance } from '../support/conformance.js';
import { RawClient } from '../support/raw-client.js';
import { upgrade } from '../support/upgrade.js';

const TOPIC = 'com.example.topic';

describeConformance('the WebSocket', (router) => {
  const every = [
    'wamp.2.json',
    'wamp.2.msgpack',
    'wamp.2.cbor',
    'wamp.2.json.batched',
    'wamp.2.msgpack.batched',
    'wamp.2.cbor.batched',
  ];

  it('takes the first sub-protocol of the offer that it has (WS-1, WS-2)', async () => {
    const own = `wamp.2.${router().serializer}`;
    for (const [offer, chosen] of [
      ...every.map((name) => [[name], name] as const),
      [[own, ...every.filter((name) => name !== own)], own] as const,
      [['wamp.2.flatbuffers', 'chat', `${own}.batched`, own], `${own}.batched`] as const,
    ]) {
      const opened = await upgrade(router().cluster.url(0), offer);
      expect(opened).toMatchObject({ kind: 'accepted', protocol: chosen });
      if (opened.kind === 'accepted') opened.socket.terminate();
    }
  });

  it('refuses the upgrade with HTTP 400 when there is no sub-protocol in common, or none is named (WS-2)', async () => {
    for (const offer of [[], ['wamp.2.flatbuffers'], ['WAMP.2.JSON', 'wamp.2', 'mqtt']]) {
      const refused = await upgrade(router().cluster.url(0), offer);
      expect(refused).toMatchObject({ kind: 'refused', status: 400 });
      for (const name of every) expect(refused.kind === 'refused' && refused.body).toContain(name);
    }
  });

  it('reads a message that comes in many WebSocket frames, and many that come in one segment (WS-1)', async () => {
    const client = await router().join();
    const subscriber = await router().join();
    await subscriber.subscribe(TOPIC);
    const message = client.serializer.encode([Code.PUBLISH, client.nextRequest(), {}, TOPIC, ['x'.repeat(5_000)]]);
    client.sendFragmented(message, 50);
    for (let event = 0; event < 100; event++) client.publish(TOPIC, [event]);
    expect((await subscriber.expect(Code.EVENT))[4]).toEqual(['x'.repeat(5_000)]);
    for (let event = 0; event < 100; event++) expect((await subscriber.expect(Code.EVENT))[4]).toEqual([event]);
  });

  it('answers pings, with and without a session (WS-4)', async () => {
    const opened = await upgrade(router().cluster.url(0), [`wamp.2.${router().serializer}`]);
    if (opened.kind !== 'accepted') throw new Error(opened.body);
    const pong = new Promise<string>((resolve) => opened.socket.once('pong', (payload) => resolve(payload.toString())));
    opened.socket.ping('are you there');
    expect(await pong).toBe('are you there');
    opened.socket.terminate();
  });
});

describe('settings of listen', () => {
  const onCleanup = cleanups();

  it('requireSubprotocol: false takes JSON for clients that name none (WS-2)', async () => {
    const cluster = await startCluster(1, { listen: { requireSubprotocol: false } });
    onCleanup(() => cluster.stop());
    const opened = await upgrade(cluster.url(0), []);
    if (opened.kind !== 'accepted') throw new Error(opened.body);
    const answer = new Promise<string>((resolve) =>
      opened.socket.once('message', (message: Buffer) => resolve(message.toString())),
    );
    opened.socket.send('[1,"realm1",{"roles":{"caller":{}}}]');
    expect(JSON.parse(await answer)).toMatchObject([Code.WELCOME, {}, { realm: 'realm1' }]);
    opened.socket.terminate();
  });

  it('serializers: has no others (WS-2)', async () => {
    const cluster = await startCluster(1, { listen: { serializers: ['cbor'] } });
    onCleanup(() => cluster.stop());
    expect(await upgrade(cluster.url(0), ['wamp.2.json', 'wamp.2.msgpack.batched'])).toMatchObject({
      kind: 'refused',
      status: 400,
    });
    const client = await RawClient.join(cluster.url(0), { serializer: 'cbor', isBatched: true });
    client.drop();
  });

  it.each(['off', 'shared'] as const)('compression: %s', async (compression) => {
    const cluster = await startCluster(1, { listen: { compression } });
    onCleanup(() => cluster.stop());
    const opened = await upgrade(cluster.url(0), ['wamp.2.json'], { perMessageDeflate: { threshold: 0 } });
    if (opened.kind !== 'accepted') throw new Error(opened.body);
    expect(opened.socket.extensions).toMatch(compression === 'off' ? /^$/ : /permessage-deflate/);
    const { socket } = opened;
    const messages: unknown[][] = [];
    const event = new Promise<void>((resolve) =>
      socket.on('message', (message: Buffer) => {
        messages.push(JSON.parse(message.toString()) as unknown[]);
        if (messages.at(-1)?.[0] === Code.EVENT) resolve();
      }),
    );
    socket.send('[1,"realm1",{"roles":{"publisher":{},"subscriber":{}}}]');
    socket.send('[32,1,{},"t"]');
    socket.send(JSON.stringify([Code.PUBLISH, 2, { exclude_me: false }, 't', ['x'.repeat(20_000)]]));
    await event;
    expect(messages.map(([code]) => code)).toEqual([Code.WELCOME, Code.SUBSCRIBED, Code.EVENT]);
    expect(messages[2]![4]).toEqual(['x'.repeat(20_000)]);
    socket.terminate();
  });
});
