import { type CallRecord, type Journal, type PublicationRecord } from '../checker/journal.js';
import { AppMember } from './app-member.js';
import type { LibraryMember } from './library-member.js';
import type { Load } from './load.js';
import { RawMember, type Entrance, type Member } from './member.js';
import { callee, KINDS, ownProcedure, PLAIN, PROGRESSIVE, SHARED, subscriber, TOPICS } from './roles.js';
import { StockAutobahn, StockWampy } from './stock-member.js';

const STOCK = { autobahn: StockAutobahn, wampy: StockWampy } as const;
const APPS = ['com.work.autobahn', 'com.work.wampy'] as const;

export interface WorkloadOptions {
  readonly nodeCount: number;
  /** Publications, and calls, of each member per second. */
  readonly publicationsPerSecond?: number;
  readonly callsPerSecond?: number;
  /** Members on client libraries: none, with the reconnection of the harness, or with their own. */
  readonly apps?: boolean | 'stock';
}

const CANCEL_AFTER_MS = 60;
const APP_PERIOD_MS = 100;

/** Everybody of the scenarios of this project. */
export class Workload implements Load {
  readonly publishers: readonly RawMember[];
  readonly callers: readonly RawMember[];
  readonly members: readonly Member[];
  readonly procedures: readonly string[];
  readonly #options: WorkloadOptions;
  readonly #apps: readonly LibraryMember[];
  #timers: NodeJS.Timeout[] = [];

  constructor(options: WorkloadOptions, journal: Journal, entrance: Entrance) {
    this.#options = options;
    const homes = Array.from({ length: options.nodeCount }, (_, home) => home);
    this.publishers = homes.map((home) => new RawMember({ name: `publisher${home}`, home }, journal, entrance));
    this.callers = homes.map((home) => new RawMember({ name: `caller${home}`, home }, journal, entrance));
    const others = homes.flatMap((home) => [
      new RawMember(subscriber(home, 'exact'), journal, entrance),
      new RawMember(subscriber(home, 'prefix'), journal, entrance),
      new RawMember(subscriber(home, 'wildcard'), journal, entrance),
      new RawMember(callee(home), journal, entrance),
    ]);
    this.#apps =
      options.apps === false
        ? []
        : (['autobahn', 'wampy'] as const).map((library, index) => {
            const home = (index + 1) % options.nodeCount;
            const role = {
              name: library,
              home,
              subscriptions: [
                ['com.load.t0', 'exact'],
                ['com.load', 'prefix'],
              ] as const,
              registrations: [[APPS[index]!, {}]] as const,
            };
            if (options.apps !== 'stock') return new AppMember(library, role, journal, entrance);
            return new STOCK[library](role, journal, entrance);
          });
    this.members = [...this.publishers, ...this.callers, ...others, ...this.#apps];
    this.procedures = [...homes.map(ownProcedure), ...SHARED, ...(options.apps === false ? [] : APPS)];
  }

  get isComplete(): boolean {
    return this.members.every(({ session }) => session !== undefined);
  }

  get sweepCount(): number {
    return this.publishers.length * TOPICS.length;
  }

  get missing(): string[] {
    return this.members.filter(({ session }) => session === undefined).map(({ role }) => role.name);
  }

  join(): void {
    for (const member of this.members) member.start();
  }

  run(): void {
    const { publicationsPerSecond = 40, callsPerSecond = 30 } = this.#options;
    for (const member of this.publishers) this.#every(1_000 / publicationsPerSecond, (turn) => publish(member, turn));
    for (const member of this.callers) this.#every(1_000 / callsPerSecond, (turn) => this.#call(member, turn));
    for (const member of this.#apps)
      this.#every(APP_PERIOD_MS, (turn) => {
        member.publish(TOPICS[turn % TOPICS.length]!);
        const plan = turn % 5 === 0 ? PROGRESSIVE : PLAIN;
        member.call(this.procedures[turn % this.procedures.length]!, plan);
      });
  }

  pause(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  publishEverywhere(): PublicationRecord[] {
    return this.publishers.flatMap((member) => TOPICS.flatMap((topic) => member.publish(topic, true) ?? []));
  }

  callEverywhere(): CallRecord[] {
    return this.callers.flatMap((member) =>
      this.procedures.flatMap((procedure) => member.call(procedure, PLAIN) ?? []),
    );
  }

  async leave(): Promise<void> {
    this.pause();
    await Promise.all(this.members.map((member) => member.leave()));
  }

  #every(periodMs: number, action: (turn: number) => void): void {
    let turn = 0;
    this.#timers.push(setInterval(() => action(turn++), periodMs));
  }

  #call(member: RawMember, turn: number): void {
    const kind = KINDS[turn % KINDS.length]!;
    // Moves on by one each round, so that every kind meets every procedure. What the apps offer does not keep silent.
    const round = Math.floor(turn / KINDS.length);
    const offered = kind.plan.reply === 'silence' ? this.procedures.length - this.#apps.length : this.procedures.length;
    const procedure = this.procedures[(turn + round) % offered]!;
    const { timeoutMs = 0, cancel } = kind;
    const call = member.call(procedure, kind.plan, { timeoutMs });
    if (call !== undefined && cancel !== undefined)
      setTimeout(() => {
        if (call.answers.length === 0) member.cancel(call, cancel);
      }, CANCEL_AFTER_MS);
  }
}

function publish(member: RawMember, turn: number): void {
  // Every second one of every topic.
  member.publish(TOPICS[turn % TOPICS.length]!, Math.floor(turn / TOPICS.length) % 2 === 0);
}
