import { clientFrame } from './frame-template.js';
import type { Endpoint } from './endpoint.js';
import { wrongLogins, type Login } from './logins.js';
import { Session } from './session.js';

export type Attack = Flood | Guessing;

interface Hostile {
  /** One sentence about the attack for the report. */
  readonly about: string;
  readonly connections: number;
}

/** Each connection tries one of these logins, none of which is right, again after every answer. */
export interface Guessing extends Hostile {
  readonly logins: readonly Login[];
}

/** The behaviour of one hostile connection once it is open. */
export interface Flood extends Hostile {
  /** False: plain HTTP, nothing is upgraded. */
  readonly isWebSocket: boolean;
  /** Joins a session first. */
  readonly joins: boolean;
  /** Reads, and ignores, what the router answers. */
  readonly reads: boolean;
  /** Written again and again, as fast as the socket takes it. */
  readonly block: (endpoint: Endpoint) => Buffer;
  /** Written once, before anything else. */
  readonly first?: () => Buffer;
  /** Milliseconds between two blocks; absent: none. */
  readonly everyMs?: number;
  /** Sessions that must be there first; the returned function ends them. */
  readonly prepare?: (endpoint: Endpoint) => Promise<() => void>;
}

const blockBytes = 65_536;
const text = 0x81;
const ping = 0x89;
const firstFragment = 0x01;
const busyTopic = 'com.bench.busy';
const pool = 'com.bench.pool';
const patternDepth = 14;
const patternTopic = new Array<string>(patternDepth).fill('a').join('.');

/** `share` of the connections, and of what they prepare: 1 in a run that measures, less in one that only shows that it works. */
const attacksOf = (share: number) =>
  ({
    publish: flood(share, '22-byte PUBLISH that nobody receives', '[16,1,{},"a.b.c",[1]]'),
    call: flood(share, 'CALL of a procedure that nobody has', '[48,1,{},"no.such",[1]]'),
    hello: {
      ...flood(share, 'HELLO to a realm that does not exist', '[1,"no.such.realm",{"roles":{"caller":{}}}]'),
      joins: false,
    },
    'hello-goodbye': {
      ...flood(
        share,
        'HELLO and GOODBYE in turn',
        '[1,"realm1",{"roles":{"caller":{}}}]',
        '[6,{},"wamp.close.close_realm"]',
      ),
      joins: false,
    },
    logins: {
      about: 'wrong tickets and wrong signatures of WAMP-CRA, for one authid',
      connections: part(20, share),
      logins: wrongLogins,
    },
    'fan-out': {
      ...flood(share, 'tiny PUBLISH to 200 subscribers', `[16,1,{},"${busyTopic}"]`),
      prepare: (endpoint) => holdSubscribers(endpoint, part(200, share)),
    },
    patterns: {
      ...flood(share, 'PUBLISH of 1 MB that 10,000 patterns of one session match'),
      connections: 2,
      block: () => clientFrame(text, Buffer.from(JSON.stringify([16, 1, {}, patternTopic, ['x'.repeat(1_000_000)]]))),
      everyMs: 200,
      prepare: (endpoint) => holdPatterns(endpoint, part(10_000, share)),
    },
    'busy-pool': {
      ...flood(share, 'CALL of a procedure with 500 busy callees', `[48,1,{},"${pool}"]`),
      prepare: (endpoint) => holdBusyCallees(endpoint, part(500, share)),
    },
    ping: {
      ...flood(share, 'pings of 125 bytes, and nothing is read'),
      reads: false,
      block: () => repeated(clientFrame(ping, Buffer.alloc(125, 97))),
    },
    fragments: {
      ...flood(share, 'messages begun and never finished'),
      connections: part(100, share),
      first: () => clientFrame(firstFragment, Buffer.alloc(1_000_000, 97)),
      block: () => clientFrame(ping, Buffer.alloc(0)),
      everyMs: 500,
    },
    http: {
      ...flood(share, 'pipelined requests for a page, and nothing is read'),
      isWebSocket: false,
      joins: false,
      reads: false,
      block: () => repeated(Buffer.from('GET /vendor/autobahn.min.js HTTP/1.1\r\nHost: x\r\n\r\n')),
    },
  }) as const satisfies Readonly<Record<string, Attack>>;

export type AttackName = keyof ReturnType<typeof attacksOf>;
export const attackNames = Object.keys(attacksOf(1)) as AttackName[];

export function attackOf(name: AttackName, share: number): Attack {
  return attacksOf(share)[name];
}

function part(count: number, share: number): number {
  return Math.ceil(count * share);
}

function flood(share: number, about: string, ...messages: readonly string[]): Flood {
  const frames = Buffer.concat(messages.map((message) => clientFrame(text, Buffer.from(message))));
  return {
    about,
    connections: part(20, share),
    isWebSocket: true,
    joins: true,
    reads: true,
    block: () => repeated(frames),
  };
}

function repeated(piece: Buffer): Buffer {
  return Buffer.concat(new Array<Buffer>(Math.ceil(blockBytes / piece.length)).fill(piece));
}

async function holdSubscribers(endpoint: Endpoint, count: number): Promise<() => void> {
  return hold(endpoint, count, (session) => session.subscribe(busyTopic));
}

/** The callees never answer: each is busy with the one call that it may have. */
async function holdBusyCallees(endpoint: Endpoint, count: number): Promise<() => void> {
  const end = await hold(endpoint, count, (session) => session.register(pool, 'roundrobin', 1));
  const caller = await Session.join(endpoint, 'json');
  ignoreFrom(caller);
  for (let request = 1; request <= count; request += 1) {
    caller.client.write(clientFrame(text, Buffer.from(JSON.stringify([48, request, {}, pool]))));
  }
  return () => {
    end();
    caller.client.destroy();
  };
}

async function holdPatterns(endpoint: Endpoint, count: number): Promise<() => void> {
  return hold(endpoint, 1, async (session) => {
    for (let bits = 0; bits < count; bits += 1) {
      const pattern = patternTopic.split('.').map((part, index) => (((bits >> index) & 1) === 1 ? '' : part));
      await session.subscribe(pattern.join('.'), 'wildcard');
    }
  });
}

async function hold(
  endpoint: Endpoint,
  count: number,
  prepare: (session: Session) => Promise<unknown>,
): Promise<() => void> {
  const sessions: Session[] = [];
  for (let index = 0; index < count; index += 1) {
    const session = await Session.join(endpoint, 'json');
    await prepare(session);
    ignoreFrom(session);
    sessions.push(session);
  }
  return () => {
    for (const { client } of sessions) client.destroy();
  };
}

function ignoreFrom({ client }: Session): void {
  client.onMessage = () => undefined;
  client.onFailure = () => undefined;
}
