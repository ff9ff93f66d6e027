import type { CancelMode } from '../../src/wamp/options.js';
import type { SerializerId } from '../../src/wamp/payload.js';
import type { Audience, CallRecord, Journal, Plan, PublicationRecord } from '../cluster/checker/journal.js';
import type { Load } from '../cluster/harness/load.js';
import { RawMember, type Entrance } from '../cluster/harness/member.js';
import { callee, KINDS, ownProcedure, PLAIN, SHARED, SLOW, subscriber, TOPICS } from '../cluster/harness/roles.js';
import { within } from '../cluster/harness/wait.js';
import { Dice } from './dice.js';
import { BOUNDED, CROWDED, LONE, ROAMING_TOPICS, Wanderer } from './wanderer.js';

export interface CastOptions {
  readonly nodeCount: number;
  readonly seed: number;
}

/** Wanted by one session. */
export const LOCAL_TOPIC = 'org.local.topic';
const LOCAL_ANSWER_MS = 10_000;

const SERIALIZERS: readonly SerializerId[] = ['json', 'msgpack', 'cbor'];
const PUBLICATION_MS = 45;
const CALL_MS = 55;
const WANDERING_MS = 220;
const CANCEL_MS = 80;
const WANDERERS_PER_NODE = 2;
/** Of callees that nobody can interrupt: what they are given they always finish. */
const FINITE: readonly Plan[] = [PLAIN, SLOW, { delayMs: 60, progressCount: 3, reply: 'result' }];

/**
 * All clients of the cluster in a round: on each node publishers, callers, subscribers of all kinds and callees
 * that always are there, and wanderers that come and go. All they do follows from the seed.
 */
export class Cast implements Load {
  readonly #publishers: readonly RawMember[];
  readonly #callers: readonly RawMember[];
  readonly #local: RawMember;
  readonly #wanderers: readonly Wanderer[];
  readonly #all: readonly RawMember[];
  readonly #stable: readonly string[];
  readonly #seed: number;
  readonly #timers = new Set<NodeJS.Timeout>();
  #isRunning = false;

  constructor({ nodeCount, seed }: CastOptions, journal: Journal, entrance: Entrance) {
    this.#seed = seed;
    const homes = Array.from({ length: nodeCount }, (_, home) => home);
    const serializer = (home: number) => SERIALIZERS[(home + seed) % SERIALIZERS.length]!;
    const member = (role: ConstructorParameters<typeof RawMember>[0]) => new RawMember(role, journal, entrance);
    this.#publishers = homes.map((home) => member({ name: `publisher${home}`, home, serializer: serializer(home) }));
    this.#callers = homes.map((home) => member({ name: `caller${home}`, home, serializer: serializer(home + 1) }));
    const audience = homes.flatMap((home) =>
      (['exact', 'prefix', 'wildcard'] as const).map((match) => member(subscriber(home, match))),
    );
    const callees = homes.map((home) => member({ ...callee(home), serializer: serializer(home + 2) }));
    this.#wanderers = homes.flatMap((home) =>
      Array.from({ length: WANDERERS_PER_NODE }, (_, index) => {
        const role = {
          name: `wanderer${home}${'ab'[index]!}`,
          home: home + index,
          serializer: serializer(home + index),
          canBeInterrupted: (home + index) % 3 !== 2,
        };
        return new Wanderer(member(role), new Dice(seed, home, index));
      }),
    );
    this.#local = member({ name: 'local', home: seed % nodeCount, subscriptions: [[LOCAL_TOPIC, 'exact']] });
    this.#all = [
      this.#local,
      ...this.#publishers,
      ...this.#callers,
      ...audience,
      ...callees,
      ...this.#wanderers.map((wanderer) => wanderer.member),
    ];
    this.#stable = [...homes.map(ownProcedure), ...SHARED];
  }

  get missing(): string[] {
    return this.#all.filter(({ session }) => session === undefined).map(({ role }) => role.name);
  }

  get sweepCount(): number {
    return this.#publishers.length * TOPICS.length;
  }

  join(): void {
    for (const member of this.#all) member.start();
  }

  run(): void {
    this.#isRunning = true;
    const dice = (kind: number, index: number): Dice => new Dice(this.#seed, kind, index);
    for (const [index, member] of this.#publishers.entries())
      this.#every(PUBLICATION_MS, dice(101, index), (throwing) => this.#publish(member, throwing));
    for (const [index, member] of this.#callers.entries())
      this.#every(CALL_MS, dice(102, index), (throwing) => this.#call(member, throwing));
    for (const [index, wanderer] of this.#wanderers.entries())
      this.#every(WANDERING_MS, dice(103, index), () => wanderer.act());
  }

  pause(): void {
    this.#isRunning = false;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  publishEverywhere(): PublicationRecord[] {
    return this.#publishers.flatMap((member) => TOPICS.flatMap((topic) => member.publish(topic, true) ?? []));
  }

  /** That many publications by each publisher of what one session wants, which has all of them then. */
  async publishLocally(count: number): Promise<{ readonly home: string; readonly publications: PublicationRecord[] }> {
    const { session } = this.#local;
    if (session === undefined) throw new Error('nobody wants the topic of one node');
    const publications = this.#publishers.flatMap((publisher) =>
      Array.from({ length: count }, () => publisher.publish(LOCAL_TOPIC, true) ?? []).flat(),
    );
    const numbers = new Set(publications.map(({ number }) => number));
    const missing = (): number =>
      numbers.size - session.events.filter(({ publication }) => numbers.has(publication)).length;
    await within(LOCAL_ANSWER_MS, 'all is answered and has come', () => {
      const open = publications.filter(({ answers }) => answers.length === 0).length;
      return open + missing() === 0 ? [] : [`${open} have no answer, ${missing()} have not come`];
    });
    return { home: session.node, publications };
  }

  callEverywhere(): CallRecord[] {
    return this.#callers.flatMap((member) => this.#stable.flatMap((procedure) => member.call(procedure, PLAIN) ?? []));
  }

  async leave(): Promise<void> {
    this.pause();
    await Promise.all(this.#all.map((member) => member.leave()));
  }

  /** About that often, never in step. */
  #every(meanMs: number, dice: Dice, action: (dice: Dice) => void): void {
    if (!this.#isRunning) return;
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        action(dice);
        this.#every(meanMs, dice, action);
      },
      dice.between(meanMs / 3, (meanMs * 5) / 3),
    );
    this.#timers.add(timer);
  }

  #publish(member: RawMember, dice: Dice): void {
    const count = dice.chance(0.05) ? dice.between(3, 12) : 1;
    const audience = dice.chance(0.2) ? this.#audience(dice) : undefined;
    for (let sent = 0; sent < count; sent++) {
      const topic = dice.chance(0.7) ? dice.pick(TOPICS) : dice.pick(ROAMING_TOPICS);
      member.publish(topic, dice.chance(0.5), audience === undefined ? {} : { audience });
    }
  }

  /** Lists of sessions, nobody among them, or the publisher itself. */
  #audience(dice: Dice): Audience {
    const sessions = new Set(dice.some(this.#all.flatMap(({ session }) => session ?? [])));
    switch (dice.below(4)) {
      case 0:
        return { excludeMe: true, eligible: sessions };
      case 1:
        return { excludeMe: true, exclude: sessions };
      case 2:
        return { excludeMe: true, eligible: new Set() };
      default:
        return { excludeMe: false };
    }
  }

  #call(member: RawMember, dice: Dice): void {
    if (dice.chance(0.2)) {
      this.#callBounded(member, dice);
      return;
    }
    const { plan, timeoutMs = 0, cancel } = dice.pick(KINDS);
    const procedure = dice.chance(0.75) ? dice.pick(this.#stable) : dice.pick([...CROWDED, ...LONE]);
    const call = member.call(procedure, plan, { timeoutMs });
    if (call !== undefined && cancel !== undefined) this.#cancelLater(member, call, cancel);
  }

  /** Of those with little concurrency, some of which cannot be interrupted: each call ends by itself. */
  #callBounded(member: RawMember, dice: Dice): void {
    const timeoutMs = dice.chance(0.2) ? 150 : 0;
    const call = member.call(dice.pick(BOUNDED), dice.pick(FINITE), { timeoutMs });
    const modes: readonly CancelMode[] = ['skip', 'kill', 'killnowait'];
    if (call !== undefined && dice.chance(0.3)) this.#cancelLater(member, call, dice.pick(modes));
  }

  /** Also after `pause`: what is never answered must end. */
  #cancelLater(member: RawMember, call: CallRecord, mode: CancelMode): void {
    setTimeout(() => {
      if (call.answers.every(({ progress }) => progress !== undefined)) member.cancel(call, mode);
    }, CANCEL_MS);
  }
}
