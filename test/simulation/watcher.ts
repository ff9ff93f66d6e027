import { payloadValues } from '../../src/codec/payload-values.js';
import { deriveId } from '../../src/routing/derived-id.js';
import { Code } from '../../src/wamp/codes.js';
import type { RouterMessage } from '../../src/wamp/messages.js';
import { Client } from './client.js';

/** The topic of all testaments. */
export const TESTAMENT = 'testament';

/** A meta event: `subject` is the session, subscription or registration that it is about. */
export interface MetaEvent {
  readonly of: 'session' | 'subscription' | 'registration';
  readonly what: string;
  readonly subject: number;
  /** The subscriber or callee. */
  readonly session: number | null;
  readonly at: number;
  /** Another node could not reach the watcher's at that time. */
  readonly isCutOff: boolean;
}

/** A session that receives all meta events and testaments of its realm, and records them: a testament as an event of its session. */
export class Watcher extends Client {
  readonly seen: MetaEvent[] = [];
  /** The time of its last SUBSCRIBED. */
  since = Infinity;

  /** Its subscription to testaments. */
  readonly #own = deriveId(this.realm, 'exact', TESTAMENT, 0);

  watch(): void {
    const { realm } = this.node;
    void realm.route(this, [Code.SUBSCRIBE, this.nextRequest(), { match: 'exact' }, TESTAMENT], false);
    void realm.route(this, [Code.SUBSCRIBE, this.nextRequest(), { match: 'prefix' }, 'wamp.'], false);
  }

  override send(message: RouterMessage): undefined {
    if (!this.isOpen) return;
    if (message[0] === Code.SUBSCRIBED) this.since = this.node.journal.tick();
    if (message[0] !== Code.EVENT) return;
    const topic = (message[3]['topic'] as string | undefined) ?? `wamp.session.${TESTAMENT}`;
    const [, of, what] = topic.split('.') as [string, MetaEvent['of'], string];
    const [first, second] = payloadValues(message[4])?.args ?? [];
    const about = { of, what, at: this.node.journal.tick(), isCutOff: this.node.isCutOff };
    if (of === 'session') this.seen.push({ ...about, subject: idIn(first, 'session'), session: null });
    else if (idIn(second, 'id') !== this.#own)
      this.seen.push({ ...about, subject: idIn(second, 'id'), session: first as number | null });
  }
}

function idIn(value: unknown, key: string): number {
  return Number(typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : value);
}
