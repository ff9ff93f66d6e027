import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, startRedisCluster, type TestCluster } from '../support/cluster.js';
import { openRealm } from '../support/open-realm.js';
import type { AppClient, AppEvent, ClientKind, Payload } from './clients/app-client.js';
import { joinAutobahn } from './clients/autobahn-client.js';
import { joinWampy } from './clients/wampy-client.js';

export const KINDS: readonly ClientKind[] = (['autobahn', 'wampy'] as const).flatMap((library) =>
  (['json', 'msgpack', 'cbor'] as const).map((serializer) => ({ library, serializer })),
);

export const nameOf = ({ library, serializer }: ClientKind): string => `${library} ${serializer}`;

export function join({ library, serializer }: ClientKind, url: string): Promise<AppClient> {
  return library === 'autobahn' ? joinAutobahn(url, serializer) : joinWampy(url, serializer);
}

/** Three sessions: `near` of one kind of client, `far` and `third` of another. On a cluster each has its own node. */
export interface Pair {
  readonly near: AppClient;
  readonly far: AppClient;
  readonly third: AppClient;
}

let uriCount = 0;

/** A URI nobody has used, no prefix of another, in the letters both libraries admit. */
export function freshUri(stem = 'com.example'): string {
  return `${stem}.n${String(++uriCount).padStart(6, '0')}`;
}

/**
 * Declares tests for every pair of clients, on one node, on three, and on three over Redis. Request ids are checked: no client may break
 * their sequence, and none may have been sent away by the end.
 */
export function describePairs(chapter: string, declare: (pair: () => Pair, near: ClientKind) => void): void {
  const config = openRealm({ requestIdCheck: 'strict' });
  const topologies = {
    '1 node': () => startCluster(1, config),
    '3 nodes in process': () => startCluster(3, config),
    '3 nodes over Redis': () => startRedisCluster(3, config),
  };
  for (const [topology, start] of Object.entries(topologies)) {
    describe(`${chapter} [${topology}]`, () => {
      let cluster: TestCluster;
      let clients: Map<ClientKind, readonly AppClient[]>;
      beforeAll(async () => {
        cluster = await start();
        const joinAll = KINDS.map(async (kind) => {
          const sessions = await Promise.all([0, 1, 2].map((node) => join(kind, cluster.url(node))));
          return [kind, sessions] as const;
        });
        clients = new Map(await Promise.all(joinAll));
      });
      afterAll(() => cluster.stop());

      for (const near of KINDS)
        for (const far of KINDS)
          describe(`${nameOf(near)} → ${nameOf(far)}`, () => {
            declare(() => {
              const [[first], [, second, third]] = [clients.get(near)!, clients.get(far)!];
              return { near: first!, far: second!, third: third! };
            }, near);
          });

      it('no client was aborted, request ids checked (PV-5)', async () => {
        for (const client of [...clients.values()].flat()) {
          const procedure = freshUri();
          await (
            await client.register(procedure, ({ args }) => ({ args }))
          )();
          expect(client.isOpen()).toBe(true);
        }
        for (const { counters } of cluster.nodes) expect(counters.violations.all).toBe(0);
      });
    });
  }
}

/** Waits for events, and so that none is waited for in vain, fails when the test does. */
export class EventLog {
  readonly events: AppEvent[] = [];
  #wake: (() => void) | undefined;

  readonly add = (event: AppEvent): void => {
    this.events.push(event);
    this.#wake?.();
  };

  async take(count: number): Promise<AppEvent[]> {
    while (this.events.length < count) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.events.splice(0, count);
  }
}

/** What payloads are made of, the awkward values too. */
export const AWKWARD: Payload = {
  args: [
    null,
    true,
    -1,
    0.5,
    -1e300,
    2 ** 31,
    2 ** 32 + 1,
    2 ** 53 - 1,
    -(2 ** 40),
    '',
    'Ελλάδα "\n\\ \u{1F98A} \u2028',
    [],
    {},
    [[[[]]]],
    Buffer.from([0, 1, 2, 127, 128, 255]),
    Buffer.alloc(0),
  ],
  kwargs: {
    plain: 1,
    'with space and ü': { deeper: { deepest: [{ at: 'last' }, Buffer.from('bytes')], constructor: 'a key' } },
    empty: {},
  },
};

/** Half a mebibyte as JSON: long text, long bytes, a long list. Compared by vitest it would take seconds. */
export const BULK = ['é'.repeat(128 * 1024), Buffer.alloc(128 * 1024, 7), { list: Array<string>(9_999).fill('x') }];
