import { afterEach, expect, it, vi } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.js';
import { describeConformance, type Router } from '../support/conformance.js';
import { EventStreamClient } from '../support/event-stream.js';
import { RawHttp } from '../support/raw-http.js';
import { freshUri } from '../support/exchange.js';

const ALL = { call: true, register: true, publish: true, subscribe: true };
const patient = { timeout: 30_000, interval: 20 };
const config: ConfigInput = {
  listen: { allowedOrigins: ['https://pages.example'] },
  realms: [
    {
      name: 'realm1',
      anonymousRole: 'anonymous',
      roles: [
        { name: 'anonymous', permissions: [{ uri: '', match: 'prefix', allow: ALL }] },
        { name: 'web', permissions: [{ uri: 'com.example.', match: 'prefix', allow: { subscribe: true } }] },
      ],
      history: [{ uri: 'com.example.kept.', match: 'prefix', limit: 500 }],
    },
  ],
  httpBridge: [
    { type: 'events', path: '/events', realm: 'realm1', role: 'web' },
    { type: 'events', path: '/slow', realm: 'realm1', role: 'web', maxUnsentBytes: 4_096 },
    { type: 'events', path: '/few', realm: 'realm1', role: 'web', maxPending: 1 },
  ],
};

const streams: EventStreamClient[] = [];
afterEach(() => {
  for (const stream of streams.splice(0)) stream.close();
});

async function open(
  router: Router,
  topic: string,
  { node = 0, path = '/events', ...headers }: { node?: number; path?: string; [header: string]: unknown } = {},
): Promise<EventStreamClient> {
  const base = router.cluster.url(node).replace('ws:', 'http:').replace(/\/ws$/, '');
  const query = topic === '' ? '' : `?topic=${encodeURIComponent(topic)}`;
  const stream = await EventStreamClient.open(`${base}${path}${query}`, headers as Record<string, string>);
  streams.push(stream);
  return stream;
}

describeConformance(
  'event streams',
  (router) => {
    it('send the events of a topic, whichever node they come from, with the ids of their publications', async () => {
      const topic = freshUri('stream');
      const opened = await Promise.all(
        Array.from({ length: router().nodeCount }, (_, node) => open(router(), topic, { node })),
      );
      for (const { status, headers } of opened)
        expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
      const publisher = await router().join();
      const ids = [
        await publisher.publishAcknowledged(topic, ['two\nlines', 1.5, null, 'ü']),
        await publisher.publishAcknowledged(topic),
      ];
      for (const stream of opened) {
        const [first, second] = [await stream.next(), await stream.next()];
        expect(first).toEqual({ type: 'message', id: String(ids[0]), data: { args: ['two\nlines', 1.5, null, 'ü'] } });
        expect(second).toEqual({ type: 'message', id: String(ids[1]), data: {} });
      }
    });

    it('go on behind the last event that the client has, from the history, and then live', async () => {
      const topic = freshUri('kept');
      const publisher = await router().join();
      const kept = topic.replace('com.example.', 'com.example.kept.');
      const ids: number[] = [];
      for (let value = 0; value < 105; value++) ids.push(await publisher.publishAcknowledged(kept, [value]));
      const stream = await open(router(), kept, { 'last-event-id': String(ids[0]) });
      ids.push(await publisher.publishAcknowledged(kept, [105]));
      for (let value = 1; value <= 105; value++)
        expect(await stream.next()).toEqual({ type: 'message', id: String(ids[value]), data: { args: [value] } });
      ids.push(await publisher.publishAcknowledged(kept, ['live']));
      expect(await stream.next()).toMatchObject({ id: String(ids[106]), data: { args: ['live'] } });
    });

    it('notify a client that it may have missed events, and go on', async () => {
      const publisher = await router().join();
      for (const [topic, error] of [
        [freshUri('stream'), 'wamp.error.no_such_subscription'],
        [freshUri('stream').replace('com.example.', 'com.example.kept.'), 'wamp.error.invalid_argument'],
      ] as const) {
        const stream = await open(router(), topic, { 'last-event-id': '7' });
        expect(await stream.next()).toEqual({ type: 'gap', id: '', data: { after: 7, error } });
        const id = await publisher.publishAcknowledged(topic, ['next']);
        expect(await stream.next()).toMatchObject({ id: String(id), data: { args: ['next'] } });
      }
    });

    it('are refused where the role, the page or the request does not allow them', async () => {
      for (const [topic, headers, status] of [
        ['com.elsewhere.topic', {}, 403],
        ['com.example..topic', {}, 400],
        ['', {}, 400],
        ['com.example.a', { 'last-event-id': 'x' }, 400],
        ['com.example.a', { 'last-event-id': '12345678901234567' }, 400],
        ['com.example.a', { origin: 'https://other.example' }, 403],
      ] as const)
        expect((await open(router(), topic, headers)).status, topic).toBe(status);
      const { status, headers } = await open(router(), 'com.example.a', { origin: 'https://pages.example' });
      expect([status, headers.get('access-control-allow-origin')]).toEqual([200, 'https://pages.example']);
    });

    it('are cut where the client reads too slowly, and no other', async () => {
      const opened = (): number => router().counted(({ sessionsOpened }) => sessionsOpened.all);
      const cut = (): number => router().counted(({ limitsReached }) => limitsReached.unsent_bytes);
      const topic = freshUri('stream');
      const before = [opened(), cut()] as const;
      const { port } = new URL(router().cluster.url(0));
      const request = `GET /slow?topic=${topic} HTTP/1.1\r\nHost: x\r\n\r\n`;
      const slow = new RawHttp(Number(port), request, { isReading: false });
      await vi.waitFor(() => expect(opened()).toBeGreaterThan(before[0]), patient);
      const other = await open(router(), topic);
      const publisher = await router().join();
      const text = 'x'.repeat(200_000);
      for (let count = 0; cut() === before[1]; count++) {
        expect(count).toBeLessThan(500);
        await publisher.publishAcknowledged(topic, [count, text]);
        expect((await other.next())?.data).toEqual({ args: [count, text] });
      }
      const id = await publisher.publishAcknowledged(topic, ['last']);
      expect(await other.next()).toEqual({ type: 'message', id: String(id), data: { args: ['last'] } });
      slow.socket.destroy();
    });

    it('end with their client, as sessions of the realm do, and give their place back', async () => {
      const closed = (): number => router().counted(({ sessionsClosed }) => sessionsClosed.all);
      const topic = freshUri('stream');
      const first = await open(router(), topic, { path: '/few' });
      expect((await open(router(), topic, { path: '/few' })).status).toBe(503);
      const before = closed();
      first.close();
      await vi.waitFor(() => expect(closed()).toBeGreaterThan(before), patient);
      await vi.waitFor(async () => expect((await open(router(), topic, { path: '/few' })).status).toBe(200), patient);
      expect(router().counted(({ httpBridge }) => httpBridge['events,limit'])).toBeGreaterThan(0);
      expect(router().counted(({ httpBridge }) => httpBridge['events,done'])).toBeGreaterThan(0);
    });
  },
  config,
);
