import { Buffer } from 'node:buffer';
import { pack, unpack } from '../../src/backplane/packr.js';
import type { ScriptArgument } from '../../src/backplane/redis/ports.js';
import { SessionTwin } from './session-twin.js';

/**
 * Realms and sessions as a store keeps them, with the steps of `lua/` written again in TypeScript: for tests that decide
 * when each step happens. One contract suite runs on this and on a real server.
 */
export class RealmTwin {
  readonly #published: (channel: string, message: Buffer) => void;
  #strings = new Map<string, string>();
  /** Rows in MessagePack are kept one character per byte. */
  #hashes = new Map<string, Map<string, string>>();
  #sets = new Map<string, Set<string>>();
  readonly #sessions = new SessionTwin({
    get: (key, field) => this.#hashes.get(key)?.get(field),
    set: (key, field, value) => this.#hset(key, field, value),
    delete: (key, field) => this.#hdel(key, field),
    size: (key) => this.#hashes.get(key)?.size ?? 0,
  });

  constructor(published: (channel: string, message: Buffer) => void) {
    this.#published = published;
  }

  get keys(): readonly string[] {
    return [...this.#strings.keys(), ...this.#hashes.keys(), ...this.#sets.keys()].sort();
  }

  flushAll(): void {
    this.#strings = new Map();
    this.#hashes = new Map();
    this.#sets = new Map();
  }

  /** Brings back what was when this is called. */
  snapshot(): () => void {
    const saved = structuredClone([this.#strings, this.#hashes, this.#sets] as const);
    return () => {
      [this.#strings, this.#hashes, this.#sets] = structuredClone(saved) as [
        Map<string, string>,
        Map<string, Map<string, string>>,
        Map<string, Set<string>>,
      ];
    };
  }

  eval(file: string, keys: readonly string[], words: readonly ScriptArgument[]): unknown {
    const argv = words.map((word) => (word instanceof Uint8Array ? latin1(word) : String(word)));
    switch (file) {
      case 'enter_realm.lua':
        return this.#enterRealm(keys as Three, argv);
      case 'mark_complete.lua':
        return this.#markComplete(keys as Three, argv);
      case 'load_realm.lua':
        return [this.#number(keys[0]!), ...this.#rows(keys[1]!)];
      case 'load_callees.lua':
        return this.#loadCallees(keys, Number(argv[0]));
      case 'change_interest.lua':
        return this.#changeInterest(keys as Four, argv);
      case 'claim_procedure.lua':
        return this.#claimProcedure(keys as Seven, argv);
      case 'complete_takeover.lua':
        return this.#completeTakeover(keys as Five, argv);
      case 'release_callees.lua':
        return this.#releaseCallees(keys, argv);
      case 'withdraw_node.lua':
        return this.#withdrawNode(keys, argv);
      default: {
        const reply = this.#sessions.eval(file, keys, argv);
        if (reply === undefined) throw new Error(`the twin knows no ${file}`);
        return reply;
      }
    }
  }

  members(key: string): readonly string[] {
    return [...(this.#sets.get(key) ?? [])];
  }

  fields(key: string): readonly (readonly [field: string, value: Buffer])[] {
    return [...(this.#hashes.get(key) ?? [])].map(([field, value]) => [field, Buffer.from(value, 'latin1')] as const);
  }

  /** The few commands that tests look and prepare with. */
  command(name: string, key: string, ...words: readonly (string | number)[]): unknown {
    const [field = '', value = ''] = words.map(String);
    switch (name) {
      case 'KEYS':
        return this.keys;
      case 'GET':
        return this.#strings.get(key) ?? null;
      case 'HGET':
        return this.#hashes.get(key)?.get(field) ?? null;
      case 'HSET':
        this.#hset(key, field, value);
        return 1;
      case 'SMEMBERS':
        return this.members(key);
      case 'SADD':
        this.#sadd(key, field);
        return 1;
      case 'DEL':
        this.#hashes.delete(key);
        return 1;
      default:
        throw new Error(`the twin knows no ${name}`);
    }
  }

  #enterRealm([version, nodes, channel]: Three, [node = '', floor]: Words): unknown {
    const current = this.#number(version);
    const isBehind = current < Number(floor) ? 1 : 0;
    const isKnown = this.#hashes.get(nodes)?.has(node) === true;
    if (!isKnown) this.#hset(nodes, node, packed([1, 'loading']));
    const reached = isKnown ? current : this.#say(version, floor, channel, '', 'enter', node);
    return [Buffer.from(isKnown ? 'known' : 'entered'), reached, isBehind, ...this.#rows(nodes)];
  }

  #markComplete([version, nodes, channel]: Three, [node = '', floor]: Words): unknown {
    if (!this.#serves(nodes, node)) return ['not-serving'];
    this.#hset(nodes, node, packed([1, 'complete']));
    return ['done', this.#say(version, floor, channel, node, 'complete', node), ...this.#nodes(nodes)];
  }

  #changeInterest([version, nodes, channel, interest]: Four, argv: Words): unknown {
    const [node = '', floor, asker = '', addCount, ...members] = argv;
    if (!this.#serves(nodes, node)) return ['not-serving'];
    const added = members.slice(0, Number(addCount));
    const removed = members.slice(Number(addCount));
    for (const member of added) this.#sadd(interest, member);
    for (const member of removed) this.#srem(interest, member);
    const now = this.#say(version, floor, channel, asker, 'interest', node, added, removed);
    return ['done', now, ...this.#nodes(nodes)];
  }

  #claimProcedure([version, nodes, channel, procedures, ids, held, callees]: Seven, argv: Words): unknown {
    const [node = '', floor, member = '', wantedId = '', invoke = '', session = '', ...rest] = argv;
    const [concurrency, disclose, forward, force = '', orderText = '', digest = ''] = rest;
    const order = orderText === '' ? undefined : Number(orderText);
    const holder = `${node} ${session}`;
    if (!this.#serves(nodes, node)) return ['not-serving'];
    let row = this.#procedure(procedures, member);
    if (row === 'unreadable') return ['unreadable'];
    const holders = this.#nodes(callees);
    if (row !== undefined && holders.length === 0) {
      this.#hdel(ids, `${row.id}`);
      row = undefined;
    }
    const isThere = row !== undefined && holders.includes(holder);
    let isForced = force === '1';
    if (row !== undefined) {
      const few = holders.slice(0, 64);
      if (isThere && order === undefined) return ['taken', ...few];
      if (order !== undefined && !isThere && (row.id !== Number(wantedId) || row.forcedAt > order)) return ['taken'];
      if (force === '3' && !isThere)
        isForced = digest !== '' && holders.every((other) => this.#callee(callees, other)?.digest === digest);
      if ((force === '2' || force === '3') && !isThere && !isForced) return ['protected', ...few];
      if (isForced && order === undefined && row.successors.length >= 8) return ['taken', ...few];
      if (!isForced && !isThere && row.invoke === 'single') return ['taken', ...few];
      if (!isForced && !isThere && row.invoke !== invoke) return ['policy', row.invoke, ...few];
    } else {
      const other = this.#hashes.get(ids)?.get(wantedId);
      if (other !== undefined && other !== member) return ['id-taken'];
      this.#hset(ids, wantedId, member);
    }
    const isOffer = row !== undefined && isForced && order === undefined;
    const isReplacing = row === undefined || (isForced && !isOffer);
    const id = row?.id ?? Number(wantedId);
    const next = this.#next(version, floor);
    const callee: Callee = {
      order: order ?? next,
      traits: [Number(concurrency), disclose === '1', forward === '1'],
      takesOver: isOffer ? invoke : '',
      digest,
    };
    if (isReplacing || row === undefined) {
      this.#hashes.delete(callees);
      this.#putProcedure(procedures, member, { id, invoke, forcedAt: isForced ? next : 0, successors: [] });
    } else if (isOffer) {
      this.#putProcedure(procedures, member, { ...row, successors: [...row.successors, holder] });
    }
    if (isReplacing || !isThere) this.#putCallee(callees, holder, callee);
    this.#sadd(held, `${session} ${member}`);
    const isAtOnce = isForced && !isOffer;
    this.#publish(channel, next, node, 'claim', id, member, invoke, node, Number(session), listOf(callee), isAtOnce);
    return [isOffer ? 'offered' : 'granted', next, `${id}`, `${callee.order}`, ...this.#nodes(nodes)];
  }

  #completeTakeover([version, nodes, channel, procedures, callees]: Five, argv: Words): unknown {
    const [node = '', floor, member = '', session = ''] = argv;
    if (!this.#serves(nodes, node)) return ['not-serving'];
    const holder = `${node} ${session}`;
    const row = this.#procedure(procedures, member);
    const own = this.#callee(callees, holder);
    if (row === undefined || row === 'unreadable' || own === undefined || own.takesOver === '')
      return ['done', this.#number(version)];
    const next = this.#next(version, floor);
    const since = row.successors.slice(row.successors.indexOf(holder) + 1);
    const kept = since.map((other) => [other, this.#callee(callees, other)!] as const);
    const callee = { ...own, takesOver: '' };
    this.#hashes.delete(callees);
    this.#putCallee(callees, holder, callee);
    for (const [other, successor] of kept) this.#putCallee(callees, other, successor);
    const invoke = own.takesOver;
    this.#putProcedure(procedures, member, { id: row.id, invoke, forcedAt: next, successors: since });
    this.#publish(channel, next, '', 'claim', row.id, member, invoke, node, Number(session), listOf(callee), true);
    return ['done', next];
  }

  #releaseCallees(keys: readonly string[], argv: Words): unknown {
    const [version, nodes, channel, procedures, ids, held, ...hashes] = keys as [...Six, ...string[]];
    const [node = '', floor, ...rest] = argv;
    if (!this.#serves(nodes, node)) return ['not-serving'];
    const changes: (readonly number[])[] = [];
    for (let at = 0, place = 0; at < rest.length; place++) {
      const callees = hashes[place]!;
      const member = rest[at]!;
      const sessions = rest.slice(at + 2, at + 2 + Number(rest[at + 1]));
      at += 2 + sessions.length;
      const row = this.#procedure(procedures, member);
      if (row === 'unreadable') continue;
      for (const session of sessions) this.#srem(held, `${session} ${member}`);
      const removed = sessions.filter((session) => this.#hdel(callees, `${node} ${session}`));
      if (row === undefined || removed.length === 0) continue;
      this.#calleesLeft([procedures, ids, callees], member, row);
      changes.push([row.id, ...removed.map(Number)]);
    }
    if (changes.length === 0) return ['done', this.#number(version)];
    return ['done', this.#say(version, floor, channel, '', 'release', node, changes)];
  }

  #withdrawNode(keys: readonly string[], [node = '', floor, ...rest]: Words): unknown {
    const [version, nodes, channel, procedures, ids, held, interest] = keys as Seven;
    const left = new Map<string, string>();
    for (let at = 0; at < rest.length; at += 2) {
      const entry = rest[at]!;
      const callees = keys[Number(rest[at + 1]) - 1];
      const [, session, member] = /^(\d+) (.+)$/.exec(entry) ?? [];
      if (callees !== undefined && member !== undefined && this.#hdel(callees, `${node} ${session}`))
        left.set(member, callees);
      this.#srem(held, entry);
    }
    const changed: number[] = [];
    for (const [member, callees] of left) {
      const row = this.#procedure(procedures, member);
      if (row === undefined || row === 'unreadable') continue;
      this.#calleesLeft([procedures, ids, callees], member, row);
      changed.push(row.id);
    }
    const isLast = !this.#sets.has(held);
    let hasChanged = changed.length > 0;
    if (isLast) {
      hasChanged = this.#hdel(nodes, node) || hasChanged;
      hasChanged = this.#sets.delete(interest) || hasChanged;
    }
    let now = this.#number(version);
    if (hasChanged) now = this.#say(version, floor, channel, '', isLast ? 'withdrawn' : 'drop', node, changed);
    if (isLast && !this.#hashes.has(nodes)) {
      this.#strings.delete(version);
      this.#hashes.delete(procedures);
      this.#hashes.delete(ids);
      now = 0;
    }
    return [isLast ? 'done' : 'more', now];
  }

  #loadCallees(keys: readonly string[], limit: number): unknown {
    let left = limit;
    return keys.map((key) => {
      const count = this.#hashes.get(key)?.size ?? 0;
      if (count > left) return null;
      left -= count;
      return this.#rows(key);
    });
  }

  /** Callees have gone from the hash: what becomes of the procedure. */
  #calleesLeft([procedures, ids, callees]: Three, member: string, row: Procedure): void {
    const holders = this.#nodes(callees);
    if (holders.length === 0) {
      this.#hdel(procedures, member);
      this.#hdel(ids, `${row.id}`);
      return;
    }
    const [first, ...others] = row.successors.filter((successor) => holders.includes(successor));
    const heir = first === undefined ? undefined : this.#callee(callees, first);
    if (first === undefined || heir === undefined || others.length + 1 < holders.length) {
      const successors = first === undefined ? [] : [first, ...others];
      this.#putProcedure(procedures, member, { ...row, successors });
      return;
    }
    this.#putCallee(callees, first, { ...heir, takesOver: '' });
    this.#putProcedure(procedures, member, { id: row.id, invoke: heir.takesOver, forcedAt: 0, successors: others });
  }

  #next(key: string, floor: string | undefined): number {
    const version = Math.max(this.#number(key), Number(floor)) + 1;
    this.#strings.set(key, `${version}`);
    return version;
  }

  #publish(channel: string, version: number, asker: string, ...body: readonly unknown[]): void {
    this.#published(channel, Buffer.from(packed([1, version, asker, ...body]), 'latin1'));
  }

  #say(key: string, floor: string | undefined, channel: string, asker: string, ...body: readonly unknown[]): number {
    const version = this.#next(key, floor);
    this.#publish(channel, version, asker, ...body);
    return version;
  }

  #procedure(key: string, member: string): Procedure | 'unreadable' | undefined {
    const text = this.#hashes.get(key)?.get(member);
    if (text === undefined) return undefined;
    const row = unpack(Buffer.from(text, 'latin1'));
    if (!Array.isArray(row) || row[0] !== 1) return 'unreadable';
    const [, id, invoke, forcedAt, successors] = row as [1, number, string, number, string[]];
    return { id, invoke, forcedAt, successors };
  }

  #putProcedure(key: string, member: string, { id, invoke, forcedAt, successors }: Procedure): void {
    this.#hset(key, member, packed([1, id, invoke, forcedAt, successors]));
  }

  #callee(key: string, holder: string): Callee | undefined {
    const text = this.#hashes.get(key)?.get(holder);
    if (text === undefined) return undefined;
    const row = unpack(Buffer.from(text, 'latin1')) as [1, number, number, boolean, boolean, string, string];
    const [, order, concurrency, disclose, forward, takesOver, digest] = row;
    return { order, traits: [concurrency, disclose, forward], takesOver, digest };
  }

  #putCallee(key: string, holder: string, callee: Callee): void {
    this.#hset(key, holder, packed([...listOf(callee), callee.digest]));
  }

  /** As a script replies them. */
  #rows(key: string): Buffer[] {
    return this.fields(key).flatMap(([field, value]) => [Buffer.from(field), value]);
  }

  #nodes(key: string): string[] {
    return [...(this.#hashes.get(key)?.keys() ?? [])];
  }

  #serves(key: string, node: string): boolean {
    return this.#hashes.get(key)?.has(node) === true;
  }

  #number(key: string): number {
    return Number(this.#strings.get(key) ?? 0);
  }

  #hset(key: string, field: string, value: string): void {
    const hash = this.#hashes.get(key) ?? new Map<string, string>();
    this.#hashes.set(key, hash.set(field, value));
  }

  #hdel(key: string, field: string): boolean {
    const hash = this.#hashes.get(key);
    const isDeleted = hash?.delete(field) === true;
    if (hash?.size === 0) this.#hashes.delete(key);
    return isDeleted;
  }

  #sadd(key: string, member: string): void {
    const set = this.#sets.get(key) ?? new Set<string>();
    this.#sets.set(key, set.add(member));
  }

  #srem(key: string, member: string): void {
    const set = this.#sets.get(key);
    set?.delete(member);
    if (set?.size === 0) this.#sets.delete(key);
  }
}

type Words = readonly string[];
type Three = readonly [string, string, string];
type Four = readonly [...Three, string];
type Five = readonly [...Four, string];
type Six = readonly [...Five, string];
type Seven = readonly [...Six, string];

interface Procedure {
  readonly id: number;
  readonly invoke: string;
  readonly forcedAt: number;
  readonly successors: readonly string[];
}

interface Callee {
  readonly order: number;
  readonly traits: readonly [concurrency: number, disclose: boolean, forward: boolean];
  readonly takesOver: string;
  readonly digest: string;
}

function listOf({ order, traits, takesOver }: Callee): readonly unknown[] {
  return [1, order, ...traits, takesOver];
}

function packed(value: unknown): string {
  const bytes = pack(value);
  if (!(bytes instanceof Uint8Array)) throw new Error(bytes.message);
  return latin1(bytes);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
