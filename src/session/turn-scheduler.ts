import { Cost, costOfBytes, UNITS_PER_MS, type TurnMeter } from '../routing/turn-meter.js';

/** The inbox of one connection, which waits for its turn. */
export interface TurnMember {
  /** Handles the next message. False: no message waits, or the rest has to wait for another event. */
  handleNext(): boolean;
  /** The scheduler stops: it will not handle the messages that wait. */
  abandon(): void;
}

/** The account of one connection with the scheduler. Only the scheduler changes it. */
export interface TurnAccount {
  readonly member: TurnMember;
  /** Work done for the connection that it has not paid for with turns. */
  debt: number;
  /** The turn up to which the connection has paid. */
  turn: number;
  isQueued: boolean;
}

export interface SchedulerClock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Milliseconds of CPU time that this process has used. */
  cpuMs(): number;
}

export interface EventLoop {
  /** Runs an action after this turn has read from its sockets, and before the next turn reads. */
  atEndOfTurn(action: () => void): void;
  /** Runs an action some milliseconds later. */
  later(action: () => void): void;
}

export interface TurnHooks {
  /** True: all messages have to wait. The scheduler asks once a turn, and from time to time while it is true. */
  isHeld(): boolean;
  /** Sends queued messages before the turn continues with connections that have used up their share. */
  flush(): void;
  /** A turn ended with messages still waiting. */
  onExhausted(): void;
  /**
   * Clients send more than this node can handle: reading alone took much of a turn, or an inbox fills up. Called while the
   * turn reads, and again for each half of the budget that it reads more.
   */
  onFlooded(): void;
}

export interface TurnSchedulerOptions {
  readonly meter: TurnMeter;
  /** Work of one turn, all connections together. */
  readonly budgetMs: number;
  readonly clock: SchedulerClock;
  readonly loop: EventLoop;
  readonly hooks: TurnHooks;
}

/** The share of one connection while others wait, in a turn and in a round. */
const QUANTUM_SHARE = 1 / 40;
/** Share of the budget for messages that a turn handles while it reads. The rest is for messages that wait. */
const AT_ONCE_SHARE = 1 / 4;
/** Share of the budget for reading messages that have to wait. */
const READING_SHARE = 1 / 2;
/** Longest time for one connection in a round, as a share of the budget. */
const LONGEST_SHARE = 1 / 5;
/** Pause between two reads of the CPU time. */
const LEAST_PAUSE_MS = 1;
/** The scheduler reads the clock once per this many messages. */
const MESSAGES_PER_CLOCK = 16;

/**
 * Divides turns of the event loop among connections (G11). The scheduler handles messages at once until they have used
 * their part of the turn: all together and, while other connections wait, each connection. Further messages wait in the
 * inbox of their connection. At the end of the turn the scheduler serves inboxes in rounds (deficit round robin), first
 * those that have only just begun to wait, so that a connection that sends little does not wait for those that send
 * much. A message that costs more than a share is paid for in later rounds and turns, unless no other connection waits.
 * Timers and sockets run between turns. The scheduler counts work and reads the CPU time from time to time, so that no
 * clock is read per message.
 */
export class TurnScheduler {
  readonly #clock: SchedulerClock;
  readonly #loop: EventLoop;
  readonly #hooks: TurnHooks;
  readonly #meter: TurnMeter;
  readonly #quantum: number;
  readonly #atOnce: number;
  readonly #budgetMs: number;
  readonly #budget: number;
  #turn = 0;
  #isArmed = false;
  #isHeld = false;
  #asksLater = false;
  /** The last turn that left no connection waiting: debts up to then are forgiven. */
  #lastFreeTurn = 0;
  /** The last turn left messages waiting. */
  #isBehind = false;
  /** Cost of this turn for reading and keeping messages that have to wait. */
  #readingCost = 0;
  /** The reading cost of this turn beyond which `onFlooded` is called again; 0: it was not called in this turn. */
  #floodedUntil = 0;
  #sinceClock = 0;
  readonly #cpuClock: CpuClock;
  #isStopped = false;
  readonly #fresh = new Set<TurnAccount>();
  readonly #waiting = new Set<TurnAccount>();
  readonly #endTurn = (): void => this.#end();

  constructor({ meter, budgetMs, clock, loop, hooks }: TurnSchedulerOptions) {
    this.#meter = meter;
    this.#clock = clock;
    this.#loop = loop;
    this.#hooks = hooks;
    this.#cpuClock = new CpuClock(clock);
    this.#budgetMs = budgetMs;
    this.#budget = budgetMs * UNITS_PER_MS;
    this.#quantum = this.#budget * QUANTUM_SHARE;
    this.#atOnce = this.#budget * AT_ONCE_SHARE;
  }

  open(member: TurnMember): TurnAccount {
    return { member, debt: 0, turn: this.#turn, isQueued: false };
  }

  /** Connections with messages that wait for a turn. */
  get waitingCount(): number {
    return this.#fresh.size + this.#waiting.size;
  }

  /** Work of this turn so far, in units of the meter. */
  get spent(): number {
    return this.#meter.spent;
  }

  /**
   * May the connection's next message be handled at once? False: it has to wait behind other connections, or behind
   * earlier messages of its own.
   */
  admits(account: TurnAccount): boolean {
    if (!this.#isArmed) this.#arm();
    if (account.turn !== this.#turn) this.#pay(account);
    const share = this.waitingCount === 0 ? this.#atOnce : this.#quantum;
    return account.debt < share && this.#meter.spent < this.#atOnce && !account.isQueued && !this.#isHeld;
  }

  /** Adds work of this turn that is counted nowhere else, in units of the meter. */
  work(cost: number): void {
    this.#meter.spent += cost;
  }

  /** Charges an account with `cost`, which the meter does not have yet, and with the meter's growth since `before`. */
  charge(account: TurnAccount, before: number, cost: number): void {
    this.#meter.spent += cost;
    account.debt += this.#meter.spent - before;
    if (++this.#sinceClock === MESSAGES_PER_CLOCK) this.#lookAtClock();
  }

  /** A message was read that has to wait. `isFilling`: too many messages of its connection wait. */
  kept(bytes: number, isFilling: boolean): void {
    this.#readingCost += Cost.KEPT + costOfBytes(bytes);
    const step = this.#budget * READING_SHARE;
    const isFlooded =
      this.#floodedUntil === 0 ? isFilling || this.#readingCost > step : this.#readingCost > this.#floodedUntil;
    if (!isFlooded) return;
    // At once, and again: this also slows connections that are read later in this turn, and those that send more while
    // it reads.
    this.#floodedUntil = this.#readingCost + step;
    this.#hooks.onFlooded();
  }

  /** The connection has messages that wait. Idempotent. */
  queue(account: TurnAccount): void {
    if (account.isQueued) return;
    if (this.#isStopped) {
      account.member.abandon();
      return;
    }
    account.isQueued = true;
    (account.debt < this.#quantum ? this.#fresh : this.#waiting).add(account);
    if (!this.#isArmed) this.#arm();
  }

  /** The connection has no messages that wait. Idempotent. */
  forget(account: TurnAccount): void {
    account.isQueued = false;
    this.#fresh.delete(account);
    this.#waiting.delete(account);
  }

  /** Serves no connection any more. Idempotent. */
  stop(): void {
    this.#isStopped = true;
    for (const account of [...this.#fresh, ...this.#waiting]) {
      this.forget(account);
      account.member.abandon();
    }
  }

  #arm(): void {
    this.#isArmed = true;
    this.#isHeld = this.#hooks.isHeld();
    this.#loop.atEndOfTurn(this.#endTurn);
  }

  #armLater(): void {
    if (this.#asksLater) return;
    this.#asksLater = true;
    this.#loop.later(() => {
      this.#asksLater = false;
      if (!this.#isArmed && !this.#isStopped) this.#arm();
    });
  }

  /**
   * Work may cost more than was counted. No debt grows by the difference: much of the time goes into reading for
   * others.
   */
  #lookAtClock(): void {
    this.#sinceClock = 0;
    // The process may have paused in the middle of a turn.
    this.#isHeld = this.#hooks.isHeld();
    if (this.#cpuClock.isPast(this.#budgetMs * AT_ONCE_SHARE))
      this.#meter.spent = Math.max(this.#meter.spent, this.#atOnce);
  }

  #pay(account: TurnAccount): void {
    const turns = account.turn <= this.#lastFreeTurn ? Infinity : this.#turn - account.turn;
    account.debt = Math.max(0, account.debt - turns * this.#quantum);
    account.turn = this.#turn;
  }

  #end(): void {
    if (this.waitingCount > 0) this.#isHeld = this.#hooks.isHeld();
    if (this.waitingCount > 0 && !this.#isHeld) {
      // However much the turn spent on reading, the connections that wait get the rest of the budget.
      this.#meter.spent = Math.min(this.#meter.spent, this.#atOnce);
      // A turn of a flood is long enough to pay for a look at the CPU time.
      if (this.#isBehind || this.#readingCost > this.#atOnce) this.#cpuClock.begin();
      else this.#cpuClock.restart();
      this.#sinceClock = Number.NEGATIVE_INFINITY;
      this.#serve(this.#fresh);
      if (this.#isBehind) this.#hooks.flush();
      this.#serve(this.#waiting);
    }
    if (this.waitingCount === 0) this.#lastFreeTurn = this.#turn;
    this.#floodedUntil = 0;
    this.#readingCost = 0;
    this.#turn++;
    this.#meter.spent = 0;
    this.#sinceClock = 0;
    this.#cpuClock.restart();
    this.#isBehind = this.waitingCount > 0;
    // Not before: what is served may queue others.
    this.#isArmed = false;
    if (!this.#isBehind) return;
    if (this.#isHeld) {
      this.#armLater();
      return;
    }
    this.#hooks.onExhausted();
    this.#arm();
  }

  /** Serves in rounds until the budget is used up. A connection with messages left waits behind all others. */
  #serve(queue: Set<TurnAccount>): void {
    let account = first(queue);
    while (account !== undefined && this.#meter.spent < this.#budget && !this.#cpuClock.isPast(this.#budgetMs)) {
      queue.delete(account);
      if (this.#serveShare(account)) this.#waiting.add(account);
      else account.isQueued = false;
      account = first(queue);
    }
  }

  /** False: the connection has no message left. */
  #serveShare(account: TurnAccount): boolean {
    account.turn = this.#turn;
    account.debt = Math.max(0, account.debt - this.#quantum);
    const untilMs = account.debt < this.#quantum ? this.#clock.nowMs() + this.#budgetMs * LONGEST_SHARE : 0;
    while (account.debt < this.#quantum) {
      if (!account.member.handleNext()) return false;
      // The session may have ended meanwhile, and its account with it.
      if (!account.isQueued) return false;
      // The messages cost far more than was counted, or this process waits for a processor: the next connection gets
      // its turn.
      if (this.#clock.nowMs() >= untilMs) break;
    }
    return true;
  }
}

/**
 * Decides whether a given CPU time has passed since `restart`. Reading the CPU time costs as much as many messages, so
 * the clock reads it only once as much wall time has passed, and then again after a pause until the answer is yes.
 */
class CpuClock {
  readonly #clock: SchedulerClock;
  #startMs: number | undefined;
  #startCpuMs: number | undefined;
  #askAgainMs = 0;

  constructor(clock: SchedulerClock) {
    this.#clock = clock;
  }

  restart(): void {
    this.#startMs = undefined;
    this.#startCpuMs = undefined;
  }

  /** The measurement begins now. */
  begin(): void {
    this.#startMs = this.#clock.nowMs();
    this.#startCpuMs = this.#clock.cpuMs();
    this.#askAgainMs = this.#startMs;
  }

  /** Without `begin`, the measurement begins with the first call, and that of the CPU time once `limitMs` have passed. */
  isPast(limitMs: number): boolean {
    const nowMs = this.#clock.nowMs();
    this.#startMs ??= nowMs;
    if (nowMs - this.#startMs < limitMs) return false;
    if (this.#startCpuMs === undefined) {
      this.#startCpuMs = this.#clock.cpuMs();
      this.#askAgainMs = nowMs + limitMs;
    }
    if (nowMs < this.#askAgainMs) return false;
    this.#askAgainMs = nowMs + LEAST_PAUSE_MS;
    return this.#clock.cpuMs() - this.#startCpuMs >= limitMs;
  }
}

function first<Value>(set: ReadonlySet<Value>): Value | undefined {
  for (const value of set) return value;
  return undefined;
}
