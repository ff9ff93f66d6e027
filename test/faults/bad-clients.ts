import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { Code } from '../../src/wamp/codes.js';
import { figure } from '../cluster/harness/metrics.js';
import type { Router } from '../cluster/harness/router.js';
import { within } from '../cluster/harness/wait.js';
import { endingWithUs } from '../support/children.js';
import { ALL_ROLES, RawClient } from '../support/raw-client.js';
import { maskedFrame, RawSocket } from '../support/raw-socket.js';
import { root } from '../support/root.js';
import type { Arena } from './arena.js';
import type { Struck } from './blow.js';
import type { FaultOf, FloodMessage } from './fault.js';

const MIB = 2 ** 20;
const EVENT = 'x'.repeat(64 * 1_024);
/** More than the bound of its node, and than what kernels hold of one connection. */
const SENT_LIMIT_BYTES = 128 * MIB;
const LOOK_EVERY = 16;
/** `limits.maxUnsentBytes`, and what other clients have not read just then. */
const UNSENT_LIMIT_BYTES = 4 * MIB + 2 * MIB;
/** `limits.maxInboxBytes`, and what other clients have sent just then. */
const INBOX_LIMIT_BYTES = 8 * MIB + MIB;
const SLOW_READERS = 'gantry_connections_closed_total{cause="slow_reader"}';
const FULL_INBOXES = 'gantry_limits_reached_total{limit="inbox"}';
/** Enough for a flood that would hold a turn for long. */
const FLOOD_BYTES = 4 * MIB;
const FLOOD_MS = 10_000;
const SWEEP_MS = 20_000;
const ANSWER_MS = 20_000;

/**
 * A subscriber reads nothing any more, and another client publishes to it. Its node cuts and counts that subscriber, and
 * keeps a bounded number of bytes for it; nobody else notices anything (G7).
 */
export async function stopReading(arena: Arena, fault: FaultOf<'slow-reader'>): Promise<Struck> {
  const router = arena.router(fault.place);
  const topic = `com.heavy.${fault.place}`;
  const reader = await RawSocket.open(router.url, 'wamp.2.json');
  const send = (message: unknown[]): void => reader.write(maskedFrame('json', Buffer.from(JSON.stringify(message))));
  send([Code.HELLO, 'realm1', { roles: ALL_ROLES }]);
  await reader.receiveFrame();
  send([Code.SUBSCRIBE, 1, {}, topic]);
  await reader.receiveFrame();
  reader.pause();
  const publisher = await RawClient.join(arena.router(fault.publisherPlace).url);
  const violations = await publishUntilCut(router, publisher, topic);
  reader.drop();
  publisher.drop();
  return { healsFromMs: Date.now(), over: () => undefined, violations };
}

async function publishUntilCut(router: Router, publisher: RawClient, topic: string): Promise<string[]> {
  const cutBefore = figure(await router.figures(), SLOW_READERS) ?? 0;
  const violations: string[] = [];
  for (let sentBytes = 0; sentBytes < SENT_LIMIT_BYTES; sentBytes += LOOK_EVERY * EVENT.length) {
    for (let count = 0; count < LOOK_EVERY; count++) {
      publisher.request(Code.PUBLISH, { acknowledge: true }, topic, [EVENT]);
      const [code, , , , error] = await publisher.receive();
      if (code !== Code.PUBLISHED) violations.push(`G7: who publishes to a slow reader got ${String(error)}`);
    }
    const figures = await router.figures();
    const unsentBytes = figure(figures, 'gantry_unsent_bytes') ?? 0;
    if (unsentBytes > UNSENT_LIMIT_BYTES) violations.push(`G7: ${router.name} holds ${unsentBytes} bytes for readers`);
    const cutCount = (figure(figures, SLOW_READERS) ?? 0) - cutBefore;
    if (cutCount > 1) violations.push(`G7: ${router.name} has cut ${cutCount} readers, and one is slow`);
    if (cutCount > 0 || violations.length > 0) return violations;
  }
  return [`G7: ${router.name} has cut no slow reader after ${SENT_LIMIT_BYTES} bytes`];
}

/** While a client floods a node everybody gets everything, the node keeps its lease, and its inboxes stay bounded (G11). */
export async function flood(arena: Arena, { place, by }: FaultOf<'flood'>): Promise<Struck> {
  const { scene } = arena;
  const router = arena.router(place);
  const { node } = router;
  const fromMs = Date.now();
  // What needs the node may take longer; nothing may fail.
  const trouble = scene.delay(router);
  const flooder = new Flooder(router.url, by);
  const violations: string[] = [];
  const failed = (error: unknown): void => void violations.push(`G11: during a flood ${String(error)}`);
  await within(FLOOD_MS, 'a client floods', () => flooder.sentBytes >= FLOOD_BYTES).catch(failed);
  await scene.sweep(SWEEP_MS).catch(failed);
  const verdict = await flooder.end();
  if (verdict === '') violations.push(`G11: ${router.name} has not handled the last message of a flood`);
  const figures = await router.figures();
  if (verdict === 'closed' && (figure(figures, FULL_INBOXES) ?? 0) === 0)
    violations.push(`G11: ${router.name} has closed a client that floods, and counts no full inbox`);
  if (router.node !== node) violations.push(`G11: ${router.name} has lost its lease during a flood`);
  const inboxBytes = router.samples
    .filter(({ ms }) => ms >= fromMs)
    .map((sample) => (sample.figures === undefined ? 0 : (figure(sample.figures, 'gantry_inbox_bytes') ?? 0)));
  if (Math.max(0, ...inboxBytes) > INBOX_LIMIT_BYTES)
    violations.push(`G11: the inboxes of ${router.name} held ${Math.max(...inboxBytes)} bytes`);
  return { healsFromMs: Date.now(), over: () => trouble.over(), violations };
}

/** A client in a process of its own that floods until `end`. */
class Flooder {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #exit: Promise<unknown>;
  #sentBytes = 0;
  #verdict = '';

  constructor(url: string, by: FloodMessage) {
    const script = join(root, 'test/faults/flooder.mjs');
    this.#child = endingWithUs(spawn(process.execPath, [script, url, by], { stdio: ['pipe', 'pipe', 'inherit'] }));
    this.#exit = once(this.#child, 'close');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const [word = '', count] = line.split(' ');
      if (word === 'flooding') this.#sentBytes = Number(count);
      else this.#verdict = word;
    });
  }

  /** So far. Rejects nothing: a flooder that was closed sends no more. */
  get sentBytes(): number {
    return this.#verdict === '' ? this.#sentBytes : Infinity;
  }

  /** Resolves when the router has handled all of it, or has closed the connection; or when that takes too long. */
  async end(): Promise<string> {
    this.#child.stdin.on('error', () => undefined);
    this.#child.stdin.end('end\n');
    await within(ANSWER_MS, 'a flood is handled', () => this.#verdict !== '').catch(() => this.#child.kill('SIGKILL'));
    await this.#exit;
    return this.#verdict;
  }
}
