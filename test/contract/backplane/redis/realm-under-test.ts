import { expect } from 'vitest';
import { unpack } from '../../../../src/backplane/packr.js';
import { createKeys, type RealmKeys } from '../../../../src/backplane/redis/keys.js';
import type { Store } from '../../../../src/backplane/redis/ports.js';
import {
  parseChange,
  type RealmChange,
  type ChangeBody,
  type ChangeFlaw,
} from '../../../../src/backplane/redis/realm/changes.js';
import { calleeTraits, parseCallee } from '../../../../src/backplane/redis/realm/rows.js';
import {
  changeInterest,
  claimProcedure,
  completeTakeover,
  enterRealm,
  loadCallees,
  releaseCallees,
  withdrawPart,
  type ClaimProcedure,
  type ClaimReply,
  type RealmStep,
} from '../../../../src/backplane/redis/realm/scripts.js';
import type { NodeId } from '../../../../src/wamp/ids.js';

export interface RealmScriptScene {
  readonly store: Store;
  readonly prefix: string;
  command(name: string, key: string, ...words: readonly (string | number)[]): Promise<unknown>;
  /** A field of a hash. */
  bytes(key: string, field: string): Promise<Uint8Array | null>;
  /** All messages published on the realm's channel so far. */
  messages(): Promise<readonly Uint8Array[]>;
}

export const REALM = 'realm.one';
const MEMBER = 'exact com.x';
export const [one, two, three] = ['n-1', 'n-2', 'n-3'] as NodeId[] as [NodeId, NodeId, NodeId];
const REST = calleeTraits({ node: one, session: 1 as never, discloseCaller: true, forwardTimeout: false });

/** The row of a callee whose claim had the default traits. */
export function calleeRow(order: number, takesOver = '', digest = ''): unknown[] {
  return [1, order, 0, true, false, takesOver, digest];
}

/** The row of a procedure but for its last field, when it got its first callee. */
function withoutTime(row: unknown): unknown[] {
  const fields = row as unknown[];
  expect(fields.at(-1)).toSatisfy((createdMs: number) => Math.abs(createdMs - Date.now()) < 600_000);
  return fields.slice(0, -1);
}

/** One realm of an empty store: runs its scripts, and reads its rows and changes. */
export class RealmUnderTest {
  readonly scene: RealmScriptScene;
  readonly store: Store;
  readonly keys: RealmKeys;
  readonly #channel: string;

  constructor(scene: RealmScriptScene) {
    const all = createKeys({ prefix: scene.prefix, database: 0 });
    this.scene = scene;
    this.store = scene.store;
    this.keys = all.realm(REALM);
    this.#channel = all.channels.realm(REALM);
  }

  step(node: NodeId, floor = 0): RealmStep {
    return { keys: this.keys, channel: this.#channel, node, floor };
  }

  enter(node: NodeId, floor?: number) {
    return this.store.run(enterRealm, this.step(node, floor));
  }

  interest(node: NodeId, added: string[], removed: string[] = [], floor?: number) {
    return this.store.run(changeInterest, { ...this.step(node, floor), added, removed });
  }

  claim(node: NodeId, session: number, overrides: Partial<ClaimProcedure> = {}): Promise<ClaimReply> {
    return this.store.run(claimProcedure, {
      ...this.step(node),
      member: MEMBER,
      id: 7,
      invoke: 'single',
      session,
      rest: REST,
      force: false,
      ...overrides,
    });
  }

  release(node: NodeId, callees: Record<string, number[]>) {
    return this.store.run(releaseCallees, { ...this.step(node), callees: new Map(Object.entries(callees)) });
  }

  complete(node: NodeId, session: number) {
    return this.store.run(completeTakeover, { ...this.step(node), member: MEMBER, session });
  }

  /** One step of a withdrawal, over at most 500 of the entries that a scan of the node's set would find. */
  async withdraw(node: NodeId, floor = 0) {
    const held = await this.members(this.keys.held(node));
    return this.store.run(withdrawPart, { ...this.step(node, floor), held: held.slice(0, 500) });
  }

  async members(key: string): Promise<string[]> {
    return (await this.scene.command('SMEMBERS', key)) as string[];
  }

  async topics(node: NodeId): Promise<string[]> {
    return (await this.scene.command('HKEYS', this.keys.interest(node))) as string[];
  }

  async text(key: string, field: string): Promise<string | null> {
    return (await this.scene.command('HGET', key, field)) as string | null;
  }

  async changes(): Promise<(RealmChange | ChangeFlaw)[]> {
    return (await this.scene.messages()).map((message) => parseChange(message));
  }

  async bodies(): Promise<(ChangeBody | ChangeFlaw)[]> {
    return (await this.changes()).map((change) => (typeof change === 'string' ? change : change.body));
  }

  /** The sessions of the procedure's callees by the order of their grants; null if the procedure has no row. */
  async sessionsOf(member = MEMBER): Promise<number[] | null> {
    const callees = await this.#calleesOf(member);
    if ((await this.scene.bytes(this.keys.procedures, member)) === null) {
      expect(callees).toEqual([]);
      return null;
    }
    return callees.sort((a, b) => a.order - b.order).map(({ callee }) => callee.session);
  }

  /** All rows of one procedure. */
  async stored(member = MEMBER) {
    const row = await this.scene.bytes(this.keys.procedures, member);
    const callees = await this.#calleesOf(member);
    return {
      row: row && withoutTime(unpack(row)),
      callees: Object.fromEntries(callees.map((one) => [one.holder, one.row])),
    };
  }

  async keysLeft(): Promise<string[]> {
    const { prefix } = this.scene;
    const keys = (await this.scene.command('KEYS', `${prefix}:*`)) as string[];
    return keys.filter((key) => key.startsWith(prefix));
  }

  async #calleesOf(member: string) {
    const [rows] = await this.store.run(loadCallees, { hashes: [this.keys.callees(member)], limitCount: 1_000 });
    if (rows === undefined) throw new Error('too many callees');
    return rows.map(([holder, row]) => {
      const placed = parseCallee(holder, row);
      if (typeof placed === 'string') throw new Error(placed);
      return { ...placed, holder, row: unpack(row) as unknown[] };
    });
  }
}
