import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.js';
import { Code } from '../../src/wamp/codes.js';
import { logIn, ticket } from '../support/auth-clients.js';
import { launchChromium } from '../support/chromium.js';
import { freePort } from '../support/free-port.js';
import { GantryProcess } from '../support/gantry-process.js';
import { RawClient } from '../support/raw-client.js';
import { sharedRedis, type SharedRedis } from '../support/redis.js';
import { watchPage } from '../support/watched-page.js';

export const MARKUP = '<img/src=x/onerror=document.title="owned">';
const ALL = { call: true, register: true, publish: true, subscribe: true };
const NONE = { uri: 'wamp.', match: 'prefix', allow: {} } as const;
const EVERYTHING = { uri: '', match: 'prefix', allow: ALL } as const;

/** Passwords of principals whose names are those of their roles, and of one whose name is markup. */
const TICKETS: Readonly<Record<string, string>> = {
  operator: 'operator-secret',
  viewer: 'viewer-secret',
  member: 'member-secret',
  [MARKUP]: 'markup-secret',
};

const CONFIG: ConfigInput = {
  console: { enabled: true },
  demo: { enabled: false },
  drain: { periodMs: 0 },
  // A node that a test freezes is not declared dead meanwhile.
  backplane: { cluster: { leaseMs: 45_000, barrierTimeoutMs: 90_000 } },
  realms: [
    {
      name: 'realm1',
      metaApi: 'all',
      history: [{ uri: 'com.example.kept.', match: 'prefix', limit: 100 }],
      anonymousRole: 'member',
      auth: {
        ticket: {
          type: 'static',
          principals: Object.fromEntries(
            Object.entries(TICKETS).map(([authid, secret]) => [
              authid,
              { ticket: secret, role: authid === MARKUP ? 'member' : authid },
            ]),
          ),
        },
        wampcra: {
          type: 'static',
          users: {
            carol: { secret: 'carol-secret', role: 'operator' },
            dora: { secret: 'dora-secret', role: 'viewer', salt: 'a-salt', iterations: 100, keylen: 32 },
          },
        },
      },
      roles: [
        { name: 'member', permissions: [EVERYTHING, NONE] },
        {
          name: 'viewer',
          permissions: [
            { uri: 'wamp.', match: 'prefix', allow: { call: true, subscribe: true } },
            { uri: 'wamp.session.kill', match: 'prefix', allow: {} },
            { uri: 'wamp.subscription.remove_subscriber', allow: {} },
            { uri: 'wamp.registration.remove_callee', allow: {} },
          ],
        },
        { name: 'operator', permissions: [EVERYTHING, { uri: 'gantry.node.list', allow: { call: true } }] },
      ],
    },
  ],
};

/** For a machine that has much else to do. */
const PATIENCE_MS = 120_000;
/** Lines that browsers log by themselves while a router is away. */
const ROUTER_AWAY = /WebSocket connection to '[^']*' failed/;

export interface Stage {
  /** A page of its own at the console of a node, before anybody signs in. */
  open(node?: number, size?: Size): Promise<Page>;
  /** The same, signed in by ticket. */
  signedIn(authid: string, node?: number, size?: Size): Promise<Page>;
  /** A session of another client, by ticket. */
  join(authid: string, node?: number): Promise<RawClient>;
  readonly nodes: readonly GantryProcess[];
  startNode(index: number): Promise<void>;
}

export interface Size {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
}

/** Nodes as their users run them, and a browser. After each test, no page may have left its origin or complained. */
export function setStage(nodeCount: number): () => Stage {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-console-'));
  const file = join(folder, 'gantry.json');
  const nodes: GantryProcess[] = [];
  const complaints: string[] = [];
  const closers: (() => unknown)[] = [];
  let browser: Browser;
  let redis: SharedRedis | undefined;
  let ports: readonly number[];

  const startNode = async (index: number): Promise<void> => {
    const store = redis === undefined ? [] : ['--set', `backplane.redis.prefix=${redis.prefix}`];
    const words = ['--config', file, '--port', String(ports[index]), '--ops-port', '0', ...store];
    const node = new GantryProcess(words, { GANTRY_BACKPLANE_URL: redis?.url ?? 'memory' });
    nodes[index] = node;
    await node.ready();
  };

  beforeAll(async () => {
    writeFileSync(file, JSON.stringify(CONFIG));
    if (nodeCount > 1) redis = await sharedRedis();
    ports = await Promise.all(Array.from({ length: nodeCount }, () => freePort()));
    [browser] = await Promise.all([launchChromium(), ...ports.map((_, index) => startNode(index))]);
  });
  afterAll(async () => {
    await browser.close();
    for (const node of nodes) {
      node.signal('SIGKILL');
      await node.exit;
    }
    await redis?.stop();
    rmSync(folder, { recursive: true });
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    expect(complaints.splice(0)).toEqual([]);
  });

  const open: Stage['open'] = async (node = 0, { width = 1280, height = 800, colorScheme = 'light' }: Size = {}) => {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme });
    closers.push(() => context.close());
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const host = `127.0.0.1:${ports[node]}`;
    watchPage(page, complaints, (url) => new URL(url).host === host, ROUTER_AWAY);
    await page.goto(`http://${host}/console`);
    return page;
  };

  return () => ({
    open,
    signedIn: async (authid, node, size) => {
      const page = await open(node, size);
      await signIn(page, 'ticket', authid, TICKETS[authid] ?? '');
      await page.locator('#console').waitFor();
      return page;
    },
    join: async (authid, node = 0) => {
      const client = await RawClient.connect(`ws://127.0.0.1:${ports[node]}/ws`);
      closers.push(() => client.close());
      const answer = await logIn(client, ticket(authid, TICKETS[authid]));
      expect(answer[0]).toBe(Code.WELCOME);
      return client;
    },
    nodes,
    startNode,
  });
}

export async function signIn(page: Page, method: string, authid = '', secret = ''): Promise<void> {
  await page.selectOption('#method', method);
  if (method !== 'anonymous') {
    await page.fill('#authid', authid);
    await page.fill('#secret', secret);
  }
  await page.click('#join');
}

export type View = 'nodes' | 'sessions' | 'subscriptions' | 'registrations' | 'events' | 'history';

export async function choose(page: Page, view: View): Promise<void> {
  await page.click(`#tab-${view}`);
}

/** Rows of a view that have all of the words. */
export function rows(page: Page, view: View, ...words: readonly string[]) {
  return words.reduce((found, hasText) => found.filter({ hasText }), page.locator(`#${view} tbody tr`));
}

/** Waits until the status of a view has the words. */
export async function reports(page: Page, view: View, words: RegExp): Promise<void> {
  await page.locator(`#${view} .status`, { hasText: words }).waitFor();
}
