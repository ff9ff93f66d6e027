import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { launchChromium } from '../support/chromium.js';
import { freePort } from '../support/free-port.js';
import { GantryProcess } from '../support/gantry-process.js';
import { HttpBalancer } from '../support/http-balancer.js';
import { showsCounts } from '../support/in-page.js';
import { watchPage } from '../support/watched-page.js';

export type Flavour = 'banana' | 'chocolate' | 'lemon';

export interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
  /** A proxy between the page and the router, which lets no WebSocket pass. Absent: none. */
  readonly webSockets?: 'refused' | 'unanswered';
}

/** The router as its users run it, and a browser. Valid inside a test; pages are closed after each. */
export interface Stage {
  /** A window of its own: a tab in the background would not be painted. */
  open(path: '' | 'backend.html', options?: PageOptions): Promise<Page>;
  restartRouter(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** The back end as a process. */
  startBackEnd(): NodeBackEnd;
}

export interface NodeBackEnd {
  /** Resolves when it has printed a line that matches. */
  printed(pattern: RegExp): Promise<void>;
  readonly stop: () => Promise<void>;
}

/** For a machine that has much else to do. */
const PATIENCE_MS = 120_000;

/**
 * What browsers write by themselves while a router is away. Its second part: when autobahn-js answers GOODBYE after closing; its last:
 * for a page that has changed to long-poll because the machine was too busy to open its WebSocket in time.
 */
const ROUTER_AWAY =
  /WebSocket connection to '[^']*' failed|WebSocket is already in CLOSING or CLOSED state|Failed to load resource: (net::ERR_CONNECTION_|the server responded with a status of (404|503))/;

/** Sets the stage for the tests of a file. After each, no page may have left its origin or complained. */
export function setStage(): () => Stage {
  let browser: Browser;
  let router: GantryProcess;
  let port: number;
  const complaints: string[] = [];
  const closers: (() => Promise<unknown>)[] = [];

  const startRouter = async (): Promise<void> => {
    router = new GantryProcess(['--port', String(port), '--ops-port', '0', '--set', 'drain.periodMs=0']);
    await router.ready();
  };

  beforeAll(async () => {
    port = await freePort();
    [browser] = await Promise.all([launchChromium(), startRouter()]);
  });
  afterAll(async () => {
    await browser.close();
    router.signal('SIGKILL');
    await router.exit;
  });
  afterEach(async () => {
    // Windows before the proxies that they use.
    for (const close of closers.splice(0).reverse()) await close();
    expect(complaints.splice(0)).toEqual([]);
  });

  const originOf = async (webSockets: PageOptions['webSockets']): Promise<string> => {
    const router = `http://127.0.0.1:${port}`;
    if (webSockets === undefined) return router;
    const proxy = await HttpBalancer.start([router], webSockets);
    closers.push(() => {
      proxy.stop();
      return Promise.resolve();
    });
    return proxy.url;
  };

  const open: Stage['open'] = async (path, { width = 1280, height = 800, colorScheme = 'light', webSockets } = {}) => {
    const origin = await originOf(webSockets);
    const window = await browser.newContext({ viewport: { width, height }, colorScheme });
    closers.push(() => window.close());
    window.setDefaultTimeout(PATIENCE_MS);
    const page = await window.newPage();
    const isOurs = (url: string): boolean => url.startsWith('data:') || new URL(url).host === new URL(origin).host;
    watchPage(page, complaints, isOurs, ROUTER_AWAY);
    await page.goto(`${origin}/${path}`);
    return page;
  };

  return () => ({
    open,
    startBackEnd: () => {
      const backEnd = startBackEnd(`ws://127.0.0.1:${port}/ws`);
      closers.push(backEnd.stop);
      return backEnd;
    },
    restartRouter: async (signal) => {
      router.signal(signal);
      await router.exit;
      await startRouter();
    },
  });
}

function startBackEnd(url: string): NodeBackEnd {
  const script = fileURLToPath(new URL('../../src/demo/backend.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, url], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (words: string) => (text += words));
  return {
    printed: async (pattern) => {
      while (!pattern.test(text)) await once(child.stdout, 'data');
      text = '';
    },
    stop: async () => {
      child.kill('SIGTERM');
      await exit;
    },
  };
}

/** Waits until the notice of the page matches. */
export async function showsNotice(page: Page, words: RegExp): Promise<void> {
  await page.locator('#notice', { hasText: words }).waitFor();
}

export const LIVE = /^Live/;
export const LIVE_OVER_HTTP = /^Live over HTTP long-poll/;
export const NOBODY_COUNTS = /^Nobody counts/;
export const COUNTING = /^Counting votes/;
export const STANDING_BY = /Standing by/;
export const UNREACHABLE = /router cannot be reached/;

export function button(page: Page, flavour: Flavour) {
  return page.locator(`button[data-flavour=${flavour}]`);
}

/** Waits until the page shows these counts, in the order of the flavours. */
export async function shows(page: Page, counts: readonly (number | '–')[]): Promise<void> {
  await page.waitForFunction(showsCounts, counts.join());
}

/** What can be pressed: names of flavours, and `reset`. */
export function enabled(page: Page): Promise<string[]> {
  return page.$$eval('button:enabled', (buttons) => buttons.map(({ id, dataset }) => dataset['flavour'] ?? id));
}

export const ALL_BUTTONS = ['banana', 'chocolate', 'lemon', 'reset'];
