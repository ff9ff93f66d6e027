import type { InvocationPolicy, MatchPolicy } from '../../src/wamp/options.js';
import type { RawMember } from '../cluster/harness/member.js';
import type { RawSession, RegisterOptions } from '../cluster/harness/raw-session.js';
import { PLAIN } from '../cluster/harness/roles.js';
import type { Dice } from './dice.js';

export const ROAMING_TOPICS = ['com.roam.a', 'com.roam.b', 'com.roam.c.d', 'com.roam.c.e'] as const;
const PATTERNS: readonly (readonly [topic: string, match: MatchPolicy])[] = [
  ['com.roam.a', 'exact'],
  ['com.roam.b', 'exact'],
  ['com.roam.c', 'prefix'],
  ['com.roam', 'prefix'],
  ['com..b', 'wildcard'],
  ['com.roam..e', 'wildcard'],
];
/** Held by one session alone. */
export const LONE = ['com.lone.a', 'com.lone.b', 'com.lone.c'] as const;
/** Shared without a bound, in each policy. */
const POLICIES: readonly InvocationPolicy[] = ['roundrobin', 'random', 'first', 'last'];
export const CROWDED = POLICIES.map((policy) => `com.crowd.${policy}`);
/** Shared, each callee with a bound of its own. */
export const BOUNDED = POLICIES.map((policy) => `com.bounded.${policy}`);

/** A member that subscribes, registers, gives up, takes over, leaves and comes back as the dice have it. */
export class Wanderer {
  readonly member: RawMember;
  readonly #dice: Dice;

  constructor(member: RawMember, dice: Dice) {
    this.member = member;
    this.#dice = dice;
  }

  act(): void {
    const { current } = this.member;
    const dice = this.#dice;
    const roll = dice.below(100);
    if (current === undefined) return;
    if (roll < 14) this.#subscribe(current);
    else if (roll < 22) this.#publishBehindSubscribe(current);
    else if (roll < 32) this.#unsubscribe(current);
    else if (roll < 50) this.#register(current);
    else if (roll < 56) this.#callBehindRegister(current);
    else if (roll < 66) this.#unregister(current);
    else if (roll < 82) current.publish(dice.pick(ROAMING_TOPICS), dice.chance(0.5), this.#toItself());
    else if (roll < 96) current.call(dice.pick([...LONE, ...CROWDED]), PLAIN);
    else current.drop(dice.chance(0.5));
  }

  #toItself(): object {
    return this.#dice.chance(0.5) ? { audience: { excludeMe: false } } : {};
  }

  #subscribe(current: RawSession): void {
    const [topic, match] = this.#dice.pick(PATTERNS);
    if (current.isFree(topic)) current.subscribe(topic, match);
  }

  /** What it publishes itself reaches its new subscription (G10). */
  #publishBehindSubscribe(current: RawSession): void {
    this.#subscribe(current);
    const count = this.#dice.between(1, 4);
    for (let sent = 0; sent < count; sent++)
      current.publish(this.#dice.pick(ROAMING_TOPICS), this.#dice.chance(0.5), { audience: { excludeMe: false } });
  }

  #unsubscribe(current: RawSession): void {
    const { subscriptions } = current;
    if (subscriptions.length > 0) current.unsubscribe(this.#dice.pick(subscriptions));
  }

  #register(current: RawSession): string {
    const [procedure, options] = this.#offer();
    if (current.isFree(procedure)) current.register(procedure, options);
    return procedure;
  }

  /** Its own call finds its new registration (G10). */
  #callBehindRegister(current: RawSession): void {
    const procedure = this.#register(current);
    if (!procedure.startsWith('com.bounded')) current.call(procedure, PLAIN);
  }

  #unregister(current: RawSession): void {
    const { registrations } = current;
    if (registrations.length > 0) current.unregister(this.#dice.pick(registrations));
  }

  #offer(): readonly [procedure: string, options: RegisterOptions] {
    const dice = this.#dice;
    // What nobody can interrupt is given only what ends by itself.
    const isPatient = this.member.role.canBeInterrupted === false;
    const kind = isPatient ? 2 : dice.below(3);
    if (kind === 0) return [dice.pick(LONE), dice.chance(0.3) ? { force_reregister: true } : {}];
    const at = dice.below(POLICIES.length);
    if (kind === 1) return [CROWDED[at]!, { invoke: POLICIES[at]! }];
    return [BOUNDED[at]!, { invoke: POLICIES[at]!, concurrency: 1 + (at % 2) }];
  }
}
