import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { Code } from '../../src/wamp/codes.js';
import { launchChromium } from '../support/chromium.js';
import { cleanups } from '../support/cluster.js';
import { freePort } from '../support/free-port.js';
import { GantryProcess } from '../support/gantry-process.js';
import { autobahnConnection } from './clients/autobahn-client.js';
import { wampy } from './clients/wampy-client.js';
import { openInPage } from './clients/in-page.js';

const later = cleanups();

type Verdict = 'returns' | 'stays away';
/** Opens one session with the reconnection of the library as it is without options. Resolves with the way to end it. */
type Open = (url: string, seen: Seen) => (() => unknown) | Promise<() => unknown>;

/** What a client did. */
class Seen {
  joinCount = 0;
  /** The library will not try again. */
  isOver = false;
  /** Attempts at the stand-in of a router. */
  tryCount = 0;
  #wake: () => void = () => undefined;

  joined(): void {
    this.joinCount++;
    this.#wake();
  }

  over(): void {
    this.isOver = true;
    this.#wake();
  }

  tried(): void {
    this.tryCount++;
    this.#wake();
  }

  async until(holds: () => boolean): Promise<void> {
    while (!this.isOver && !holds()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

const openAutobahn: Open = (url, seen) => {
  const connection = autobahnConnection(url, 'json');
  connection.onopen = () => seen.joined();
  connection.onclose = (_how, { will_retry: willRetry }) => {
    if (!willRetry) seen.over();
    return false;
  };
  connection.open();
  return () => {
    if (!seen.isOver) connection.close();
  };
};

const openWampy: Open = (url, seen) => {
  const client = wampy(url, 'json', { onReconnectSuccess: () => seen.joined(), onClose: () => seen.over() });
  client.connect().then(
    () => seen.joined(),
    () => seen.over(),
  );
  return () => client.disconnect();
};

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

function openBrowser(library: string): Open {
  const script = createRequire(import.meta.url).resolve(`${library}/autobahn.min.js`);
  return async (url, seen) => {
    const page = await browser.newPage();
    await page.exposeFunction('seenJoined', () => seen.joined());
    await page.exposeFunction('seenOver', () => seen.over());
    await page.addScriptTag({ path: script });
    await page.evaluate(openInPage, url);
    return () => page.close();
  };
}

/** A program that prints `joined` with each session, and `over` or ends when its library gives up. */
function openProgram(command: string): Open {
  return (url, seen) => {
    const child = spawn(`exec ${command} ${url}`, { shell: true, stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('joined')) seen.joined();
      if (line.startsWith('over')) seen.over();
    });
    child.once('exit', () => seen.over());
    return () => child.kill('SIGKILL');
  };
}

/** `GANTRY_TEST_CLIENT='autobahn-python 25: python3 test/interop/clients/autobahn_python.py'` measures one more. */
const [, guest, command] = /^([^:]+): (.+)$/.exec(process.env['GANTRY_TEST_CLIENT'] ?? '') ?? [];
const CLIENTS: Readonly<Record<string, Open>> = {
  'autobahn-js 26 (Node.js)': openAutobahn,
  'wampy 8': openWampy,
  'autobahn-js 18 (Chromium)': openBrowser('autobahn-browser-18'),
  'autobahn-js 20 (Chromium)': openBrowser('autobahn-browser-20'),
  'autobahn-js 22 (Chromium)': openBrowser('autobahn-browser'),
  ...(guest === undefined || command === undefined ? {} : { [guest]: openProgram(command) }),
};
/** A program whose library does not report that it gives up is given this long to come back. */
const GUEST_MS = 40_000;

/** A port with a router on it, or what stands there instead, and one session of each client. */
class Place {
  readonly seen = new Map(Object.keys(CLIENTS).map((name) => [name, new Seen()]));
  #port = 0;
  #router: GantryProcess | undefined;

  async startRouter(farewell = 'close'): Promise<void> {
    this.#port ||= await freePort();
    const settings = ['drain.periodMs=0', `drain.farewell=${farewell}`, 'ops.enabled=false', 'demo.enabled=false'];
    const words = ['start', '--port', `${this.#port}`, ...settings.flatMap((setting) => ['--set', setting])];
    const router = new GantryProcess(words);
    this.#router = router;
    later(() => router.signal('SIGKILL'));
    await router.ready();
  }

  async endRouter(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#router!.signal(signal);
    await this.#router!.exit;
  }

  /** The address identifies a client. */
  async openClients(): Promise<void> {
    this.#port ||= await freePort();
    for (const [index, [name, open]] of Object.entries(CLIENTS).entries())
      later(await open(`ws://127.0.0.1:${this.#port}/ws?client=${index}`, this.seen.get(name)!));
  }

  async allHave(holds: (seen: Seen) => boolean): Promise<void> {
    await Promise.all([...this.seen.values()].map((seen) => seen.until(() => holds(seen))));
  }

  /** Something else answers until every client that still tries has had its answer. */
  async standIn(server: Server, whenOpen: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const all = [...this.seen.values()];
    server.prependListener('upgrade', ({ url = '' }) => {
      all[Number(new URL(url, 'ws://any').searchParams.get('client'))]?.tried();
    });
    this.#port ||= await freePort();
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    await whenOpen();
    await this.allHave(({ tryCount }) => tryCount > 0);
    const isClosed = once(server, 'close');
    server.close();
    await isClosed;
  }

  /** Who has joined this many times. */
  async verdicts(joinCount: number): Promise<Record<string, Verdict>> {
    const late = new Promise<void>((resolve) => setTimeout(resolve, GUEST_MS));
    const decide = async ([name, seen]: [string, Seen]): Promise<[string, Verdict]> => {
      const decided = seen.until(() => seen.joinCount >= joinCount);
      await (name === guest ? Promise.race([decided, late]) : decided);
      return [name, seen.joinCount >= joinCount ? 'returns' : 'stays away'];
    };
    return Object.fromEntries(await Promise.all([...this.seen].map(decide)));
  }
}

/** Answers every upgrade with 503, as a router does that is full or drains. */
function refuser(): Server {
  return createServer().on('upgrade', (_request, socket) => {
    socket.end('HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\r\n');
  });
}

/** Takes every WebSocket and ends it when HELLO comes. */
function dismisser(end: (client: { close: (code: number) => void; send: (text: string) => void }) => void): Server {
  const server = createServer();
  const sockets = new WebSocketServer({ server, handleProtocols: () => 'wamp.2.json' });
  sockets.on('connection', (client) => client.once('message', () => end(client)));
  return server;
}

async function afterSignal(signal: 'SIGTERM' | 'SIGKILL', farewell?: string): Promise<Record<string, Verdict>> {
  const place = new Place();
  await place.startRouter(farewell);
  await place.openClients();
  await place.allHave(({ joinCount }) => joinCount === 1);
  await place.endRouter(signal);
  await place.startRouter();
  return place.verdicts(2);
}

async function afterAnswer(standIn: Server): Promise<Record<string, Verdict>> {
  const place = new Place();
  await place.startRouter();
  await place.openClients();
  await place.allHave(({ joinCount }) => joinCount === 1);
  await place.endRouter('SIGKILL');
  await place.standIn(standIn);
  await place.startRouter();
  return place.verdicts(2);
}

async function afterFirstAnswer(standIn: Server): Promise<Record<string, Verdict>> {
  const place = new Place();
  await place.standIn(standIn, () => place.openClients());
  await place.startRouter();
  return place.verdicts(1);
}

const ABORT = JSON.stringify([Code.ABORT, {}, 'wamp.error.no_such_realm']);

/** The columns of the table in docs/clients.md. */
const ENDINGS: Readonly<Record<string, () => Promise<Record<string, Verdict>>>> = {
  'SIGTERM, `close`': () => afterSignal('SIGTERM', 'close'),
  'SIGTERM, `goodbye`': () => afterSignal('SIGTERM', 'goodbye'),
  'kill -9': () => afterSignal('SIGKILL'),
  '503 at first': () => afterFirstAnswer(refuser()),
  '503 later': () => afterAnswer(refuser()),
  '1013 at first': () => afterFirstAnswer(dismisser((client) => client.close(1013))),
  '1013 later': () => afterAnswer(dismisser((client) => client.close(1013))),
  'ABORT at first': () => afterFirstAnswer(dismisser((client) => client.send(ABORT))),
  'ABORT later': () => afterAnswer(dismisser((client) => client.send(ABORT))),
};

/** The cell of docs/clients.md for these clients in that column. */
function documented(ending: string): Record<string, string> {
  const rows = readFileSync('docs/clients.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const column = rows[0]!.indexOf(ending);
  return Object.fromEntries(rows.filter(([, name = '']) => name in CLIENTS).map((row) => [row[1]!, row[column]!]));
}

describe('which client libraries come back by themselves, as docs/clients.md has it', () => {
  it.each(Object.keys(ENDINGS))('after %s', async (ending) => {
    const verdicts = await ENDINGS[ending]!();
    const guests = guest === undefined ? {} : { [guest]: verdicts[guest] };
    if (guest !== undefined) console.info(`${guest} after ${ending}: ${verdicts[guest]}`);
    // A guest need not be in the table.
    expect(verdicts).toEqual({ ...guests, ...documented(ending) });
  });
});
