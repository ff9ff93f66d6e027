import { Buffer } from 'node:buffer';
import type { ScriptArgument } from '../../src/backplane/redis/ports.js';
import { latin1, listOf, packedText, RealmTwinRows, type Callee, type Procedure } from './realm-twin-rows.js';
import { SessionTwin } from './session-twin.js';
import { TwinHashes, TwinSets } from './twin-storage.js';

/**
 * Realms and sessions as a store keeps them, with the steps of `lua/` written again in TypeScript: for tests that decide
 * when each step happens. One contract suite runs on this and on a real server.
 */
export class RealmTwin {
  readonly #published: (channel: string, message: Buffer) => void;
  readonly #wallMs: () => number;
  #strings = new Map<string, string>();
  readonly #hashes = new TwinHashes();
  readonly #sets = new TwinSets();
  readonly #rows = new RealmTwinRows(this.#hashes);
  readonly #sessions = new SessionTwin(this.#hashes);

  constructor(published: (channel: string, message: Buffer) => void, wallMs: () => number = Date.now) {
    this.#published = published;
    this.#wallMs = wallMs;
  }

  get keys(): readonly string[] {
    return [...this.#strings.keys(), ...this.#hashes.keys, ...this.#sets.keys].sort();
  }

  flushAll(): void {
    this.#strings.clear();
    this.#hashes.clear();
    this.#sets.clear();
  }

  /** Takes over the content of another one, as a replica does. */
  copyFrom(other: RealmTwin): void {
    this.#strings = new Map(other.#strings);
    this.#hashes.copyFrom(other.#hashes);
    this.#sets.copyFrom(other.#sets);
  }

  /** Returns an action that restores the present content. */
  snapshot(): () => void {
    const strings = new Map(this.#strings);
    const restoreHashes = this.#hashes.snapshot();
    const restoreSets = this.#sets.snapshot();
    return () => {
      this.#strings = new Map(strings);
      restoreHashes();
      restoreSets();
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
        return [this.#number(keys[0]!), ...this.#reply(keys[1]!)];
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
    return this.#sets.members(key);
  }

  fields(key: string): readonly (readonly [field: string, value: Buffer])[] {
    return this.#hashes.entries(key).map(([field, value]) => [field, Buffer.from(value, 'latin1')] as const);
  }

  /** Runs one of the few commands with which tests read and prepare rows. */
  command(name: string, key: string, ...words: readonly (string | number)[]): unknown {
    const [field = '', value = ''] = words.map(String);
    switch (name) {
      case 'KEYS':
        return this.keys;
      case 'GET':
        return this.#strings.get(key) ?? null;
      case 'HGET':
        return this.#hashes.get(key, field) ?? null;
      case 'HSET':
        this.#hashes.set(key, field, value);
        return 1;
      case 'HLEN':
        return this.#hashes.size(key);
      case 'HKEYS':
        return this.#hashes.fields(key);
      case 'SMEMBERS':
        return this.members(key);
      case 'SADD':
        this.#sets.add(key, field);
        return 1;
      case 'DEL':
        this.#hashes.drop(key);
        return 1;
      default:
        throw new Error(`the twin knows no ${name}`);
    }
  }

  #enterRealm([version, nodes, channel]: Three, [node = '', floor]: Words): unknown {
    const current = this.#number(version);
    const isBehind = current < Number(floor) ? 1 : 0;
    const isKnown = this.#hashes.get(nodes, node) !== undefined;
    if (!isKnown) this.#hashes.set(nodes, node, packedText([1, 'loading']));
    const reached = isKnown ? current : this.#change(version, floor, channel, '', 'enter', node);
    return [Buffer.from(isKnown ? 'known' : 'entered'), reached, isBehind, ...this.#reply(nodes)];
  }

  #markComplete([version, nodes, channel]: Three, [node = '', floor]: Words): unknown {
    if (!this.#serves(nodes, node)) return ['not-serving'];
    this.#hashes.set(nodes, node, packedText([1, 'complete']));
    return ['done', this.#change(version, floor, channel, node, 'complete', node), ...this.#nodes(nodes)];
  }

  #changeInterest([version, nodes, channel, interest]: Four, argv: Words): unknown {
    const [node = '', floor, asker = '', addCount, ...words] = argv;
    if (!this.#serves(nodes, node)) return ['not-serving'];
    const pairs = words.flatMap((word, at) => (at % 2 === 0 ? [[word, words[at + 1]!] as const] : []));
    const added = pairs.slice(0, Number(addCount)).map(([member, given]) => {
      const createdMs = Number(given || (this.#hashes.get(interest, member) ?? this.#wallMs()));
      this.#hashes.set(interest, member, `${createdMs}`);
      return [member, createdMs] as const;
    });
    const removed = pairs.slice(Number(addCount));
    for (const [member] of removed) this.#hashes.delete(interest, member);
    const members = [added, removed].map((some) => some.map(([member]) => member));
    const times = added.map(([, createdMs]) => createdMs);
    const leavers = removed.map(([, leaver]) => Number(leaver));
    const now = this.#change(version, floor, channel, asker, 'interest', node, ...members, times, leavers);
    return ['done', now, ...this.#nodes(nodes)];
  }

  #claimProcedure([version, nodes, channel, procedures, ids, held, callees]: Seven, argv: Words): unknown {
    const [node = '', floor, member = '', wantedId = '', invoke = '', session = '', ...rest] = argv;
    const [concurrency, disclose, forward, force = '', orderText = '', digest = '', created = ''] = rest;
    const order = orderText === '' ? undefined : Number(orderText);
    const holder = `${node} ${session}`;
    if (!this.#serves(nodes, node)) return ['not-serving'];
    let row = this.#rows.procedure(procedures, member);
    if (row === 'unreadable') return ['unreadable'];
    const holders = this.#nodes(callees);
    if (row !== undefined && holders.length === 0) {
      this.#hashes.delete(ids, `${row.id}`);
      row = undefined;
    }
    const isThere = row !== undefined && holders.includes(holder);
    let isForced = force === '1';
    if (row !== undefined) {
      const few = holders.slice(0, 64);
      if (isThere && order === undefined) return ['taken', ...few];
      if (order !== undefined && !isThere && (row.id !== Number(wantedId) || row.forcedAt > order)) return ['taken'];
      if (force === '3' && !isThere)
        isForced = digest !== '' && holders.every((other) => this.#rows.callee(callees, other)?.digest === digest);
      if ((force === '2' || force === '3') && !isThere && !isForced) return ['protected', ...few];
      if (isForced && order === undefined && row.successors.length >= 8) return ['taken', ...few];
      if (!isForced && !isThere && row.invoke === 'single') return ['taken', ...few];
      if (!isForced && !isThere && row.invoke !== invoke) return ['policy', row.invoke, ...few];
    } else {
      const other = this.#hashes.get(ids, wantedId);
      if (other !== undefined && other !== member) return ['id-taken'];
      this.#hashes.set(ids, wantedId, member);
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
    const createdMs = row?.createdMs ?? (Number(created) || this.#wallMs());
    if (isReplacing || row === undefined) {
      const since = (row?.successors ?? [])
        .map((other) => [other, this.#rows.callee(callees, other)] as const)
        .filter((entry): entry is readonly [string, Callee] => (entry[1]?.order ?? 0) > callee.order);
      this.#hashes.drop(callees);
      for (const [other, successor] of since) this.#rows.putCallee(callees, other, successor);
      const successors = since.map(([other]) => other);
      const forcedAt = isForced ? next : 0;
      this.#rows.putProcedure(procedures, member, { id, invoke, forcedAt, successors, createdMs });
    } else if (isOffer) {
      this.#rows.putProcedure(procedures, member, { ...row, successors: [...row.successors, holder] });
    }
    if (isReplacing || !isThere) this.#rows.putCallee(callees, holder, callee);
    this.#sets.add(held, `${session} ${member}`);
    const isAtOnce = isForced && !isOffer;
    const placed = [node, Number(session), listOf(callee), isAtOnce, createdMs];
    this.#publish(channel, next, node, 'claim', id, member, invoke, ...placed);
    const kind = isOffer ? 'offered' : 'granted';
    return [kind, next, `${id}`, `${callee.order}`, `${createdMs}`, ...this.#nodes(nodes)];
  }

  #completeTakeover([version, nodes, channel, procedures, callees]: Five, argv: Words): unknown {
    const [node = '', floor, member = '', session = ''] = argv;
    if (!this.#serves(nodes, node)) return ['not-serving'];
    const holder = `${node} ${session}`;
    const row = this.#rows.procedure(procedures, member);
    const own = this.#rows.callee(callees, holder);
    if (row === undefined || row === 'unreadable' || own === undefined || own.takesOver === '')
      return ['done', this.#number(version)];
    const next = this.#next(version, floor);
    const since = row.successors.slice(row.successors.indexOf(holder) + 1);
    const kept = since.map((other) => [other, this.#rows.callee(callees, other)!] as const);
    const callee = { ...own, takesOver: '' };
    this.#hashes.drop(callees);
    this.#rows.putCallee(callees, holder, callee);
    for (const [other, successor] of kept) this.#rows.putCallee(callees, other, successor);
    const invoke = own.takesOver;
    const { id, createdMs } = row;
    this.#rows.putProcedure(procedures, member, { id, invoke, forcedAt: next, successors: since, createdMs });
    const placed = [node, Number(session), listOf(callee), true, createdMs];
    this.#publish(channel, next, '', 'claim', id, member, invoke, ...placed);
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
      const row = this.#rows.procedure(procedures, member);
      if (row === 'unreadable') continue;
      for (const session of sessions) this.#sets.remove(held, `${session} ${member}`);
      const removed = sessions.filter((session) => this.#hashes.delete(callees, `${node} ${session}`));
      if (row === undefined || removed.length === 0) continue;
      this.#calleesLeft([procedures, ids, callees], member, row);
      changes.push([row.id, ...removed.map(Number)]);
    }
    if (changes.length === 0) return ['done', this.#number(version)];
    return ['done', this.#change(version, floor, channel, '', 'release', node, changes)];
  }

  #withdrawNode(keys: readonly string[], [node = '', floor, ...rest]: Words): unknown {
    const [version, nodes, channel, procedures, ids, held, interest] = keys as Seven;
    const left = new Map<string, string>();
    for (let at = 0; at < rest.length; at += 2) {
      const entry = rest[at]!;
      const callees = keys[Number(rest[at + 1]) - 1];
      const [, session, member] = /^(\d+) (.+)$/.exec(entry) ?? [];
      if (callees !== undefined && member !== undefined && this.#hashes.delete(callees, `${node} ${session}`))
        left.set(member, callees);
      this.#sets.remove(held, entry);
    }
    const changed: number[] = [];
    for (const [member, callees] of left) {
      const row = this.#rows.procedure(procedures, member);
      if (row === undefined || row === 'unreadable') continue;
      this.#calleesLeft([procedures, ids, callees], member, row);
      changed.push(row.id);
    }
    const isLast = !this.#sets.has(held);
    let hasChanged = changed.length > 0;
    if (isLast) {
      hasChanged = this.#hashes.delete(nodes, node) || hasChanged;
      hasChanged = this.#hashes.size(interest) > 0 || hasChanged;
      this.#hashes.drop(interest);
    }
    let now = this.#number(version);
    if (hasChanged) now = this.#change(version, floor, channel, '', isLast ? 'withdrawn' : 'drop', node, changed);
    if (isLast && this.#hashes.size(nodes) === 0) {
      this.#strings.delete(version);
      this.#hashes.drop(procedures);
      this.#hashes.drop(ids);
      now = 0;
    }
    return [isLast ? 'done' : 'more', now];
  }

  #loadCallees(keys: readonly string[], limit: number): unknown {
    let left = limit;
    return keys.map((key) => {
      const count = this.#hashes.size(key);
      if (count > left) return null;
      left -= count;
      return this.#reply(key);
    });
  }

  /** Updates or removes a procedure after callees have left its hash. */
  #calleesLeft([procedures, ids, callees]: Three, member: string, row: Procedure): void {
    const holders = this.#nodes(callees);
    if (holders.length === 0) {
      this.#hashes.delete(procedures, member);
      this.#hashes.delete(ids, `${row.id}`);
      return;
    }
    const [first, ...others] = row.successors.filter((holder) => holders.includes(holder));
    const successor = first === undefined ? undefined : this.#rows.callee(callees, first);
    if (first === undefined || successor === undefined || others.length + 1 < holders.length) {
      const successors = first === undefined ? [] : [first, ...others];
      this.#rows.putProcedure(procedures, member, { ...row, successors });
      return;
    }
    this.#rows.putCallee(callees, first, { ...successor, takesOver: '' });
    this.#rows.putProcedure(procedures, member, {
      ...row,
      invoke: successor.takesOver,
      forcedAt: 0,
      successors: others,
    });
  }

  #next(key: string, floor: string | undefined): number {
    const version = Math.max(this.#number(key), Number(floor)) + 1;
    this.#strings.set(key, `${version}`);
    return version;
  }

  #publish(channel: string, version: number, asker: string, ...body: readonly unknown[]): void {
    this.#published(channel, Buffer.from(packedText([1, version, asker, ...body]), 'latin1'));
  }

  #change(key: string, floor: string | undefined, channel: string, asker: string, ...body: readonly unknown[]): number {
    const version = this.#next(key, floor);
    this.#publish(channel, version, asker, ...body);
    return version;
  }

  /** The fields and values of a hash in the shape of a script's reply. */
  #reply(key: string): Buffer[] {
    return this.fields(key).flatMap(([field, value]) => [Buffer.from(field), value]);
  }

  #nodes(key: string): string[] {
    return this.#hashes.fields(key);
  }

  #serves(key: string, node: string): boolean {
    return this.#hashes.get(key, node) !== undefined;
  }

  #number(key: string): number {
    return Number(this.#strings.get(key) ?? 0);
  }
}

type Words = readonly string[];
type Three = readonly [string, string, string];
type Four = readonly [...Three, string];
type Five = readonly [...Four, string];
type Six = readonly [...Five, string];
type Seven = readonly [...Six, string];
