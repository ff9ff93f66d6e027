import { Buffer } from 'node:buffer';
import { unpack } from '../../src/backplane/packr.js';
import type { ScriptArgument } from '../../src/backplane/redis/ports.js';
import { packed } from './packed.js';
import { TwinHashes, TwinSets } from './twin-storage.js';

/**
 * The rows of the membership as a store keeps them, with the steps of `lua/` written again in TypeScript: for tests that
 * decide when each step happens. One contract suite runs on this and on a real server.
 */
export class StoreTwin {
  readonly #nowMs: () => number;
  readonly #published: (channel: string, message: Uint8Array) => void;
  readonly #listenerCount: (channel: string) => number;
  readonly #hashes = new TwinHashes();
  #scores = new Map<string, Map<string, number>>();
  readonly #sets = new TwinSets();
  #timesToLive = new Map<string, number>();

  constructor(
    nowMs: () => number,
    published: (channel: string, message: Uint8Array) => void,
    listenerCount: (channel: string) => number = () => 1,
  ) {
    this.#listenerCount = listenerCount;
    this.#nowMs = () => Math.floor(nowMs());
    this.#published = published;
  }

  flushAll(): void {
    this.#hashes.clear();
    this.#scores = new Map();
    this.#sets.clear();
    this.#timesToLive = new Map();
  }

  /** Takes over the content of another one, as a replica does. */
  copyFrom(other: StoreTwin): void {
    this.#hashes.copyFrom(other.#hashes);
    this.#scores = structuredClone(other.#scores);
    this.#sets.copyFrom(other.#sets);
    this.#timesToLive = structuredClone(other.#timesToLive);
  }

  eval(file: string, keys: readonly string[], words: readonly ScriptArgument[]): unknown {
    const argv = words.map((word) =>
      word instanceof Uint8Array ? Buffer.from(word).toString('latin1') : String(word),
    );
    switch (file) {
      case 'enter_node.lua':
        return this.#enterNode(keys as Five, argv);
      case 'renew_lease.lua':
        return this.#renewLease(keys as Five, argv);
      case 'load_nodes.lua':
        return this.#loadNodes(keys as Four, argv);
      case 'begin_reap.lua':
        return this.#beginReap(keys as Five, argv);
      case 'count_listeners.lua':
        return argv.map((inbox) => this.#listenerCount(inbox));
      case 'end_node.lua':
        return this.#endNode(keys as Seven, argv);
      case 'note_realms.lua':
        return this.#noteRealms(keys as Three, argv);
      case 'drop_realm.lua':
        return Number(this.#sets.remove(keys[0]!, argv[0]!));
      default:
        throw new Error(`the twin knows no ${file}`);
    }
  }

  members(key: string): readonly string[] {
    return this.#sets.members(key);
  }

  /** Runs one of the few commands with which tests read and prepare rows. */
  command(name: string, key: string, ...words: readonly (string | number)[]): unknown {
    const [field = '', value = ''] = words.map(String);
    switch (name) {
      case 'TIME':
        return [`${Math.floor(this.#nowMs() / 1_000)}`, `${(this.#nowMs() % 1_000) * 1_000}`];
      case 'KEYS':
        return [...this.#hashes.keys, ...this.#scores.keys(), ...this.#sets.keys];
      case 'HGET':
        return this.#hashes.get(key, field) ?? null;
      case 'HSET':
        this.#hashes.set(key, field, value);
        return 1;
      case 'HDEL':
        return Number(this.#hashes.delete(key, field));
      case 'ZSCORE':
        return this.#score(key, field)?.toString() ?? null;
      case 'ZADD':
        this.#setScore(key, value, Number(field));
        return 1;
      case 'ZREM':
        return this.#removeScore(key, field);
      case 'SMEMBERS':
        return this.members(key);
      case 'PTTL':
        return this.#timesToLive.get(key) ?? -1;
      default:
        throw new Error(`the twin knows no ${name}`);
    }
  }

  #enterNode([alive, leases, gone, meta, channel]: Five, [node = '', row = '', lease, epoch = '', floor]: Words) {
    if (this.#score(gone, node) !== undefined) return ['gone'];
    if (this.#hashes.get(meta, 'epoch') === undefined) this.#hashes.set(meta, 'epoch', epoch);
    this.#setScore(leases, node, this.#nowMs() + Number(lease));
    let version = Math.max(this.#number(meta, 'version') ?? 0, Number(floor));
    const isNew = this.#hashes.get(alive, node) === undefined;
    this.#hashes.set(alive, node, row);
    if (isNew) version++;
    this.#hashes.set(meta, 'version', `${version}`);
    if (isNew) this.#published(channel, packed([1, version, 'entered', node, unpack(Buffer.from(row, 'latin1'))]));
    return ['entered', version, this.#hashes.get(meta, 'epoch')];
  }

  #renewLease([alive, leases, dying, gone, meta]: Five, [node = '', leaseMs, awayMs, epoch, limit]: Words) {
    if (this.#score(gone, node) !== undefined) return ['gone'];
    if (this.#hashes.get(meta, 'epoch') !== epoch || this.#hashes.get(alive, node) === undefined) return ['emptied'];
    const now = this.#nowMs();
    const due = now + Number(leaseMs);
    const renewed = this.#number(meta, 'renewedAtMs');
    let grace = this.#number(meta, 'graceUntilMs') ?? 0;
    if (renewed !== undefined && renewed > now) {
      for (const [late, score] of this.#scores.get(leases) ?? []) if (score > due) this.#setScore(leases, late, due);
      for (const [dead, claim] of this.#hashes.entries(dying))
        this.#hashes.set(dying, dead, `${claim.split(' ')[0]!} 0`);
    }
    if (renewed === undefined || renewed > now || now - renewed > Number(awayMs)) {
      grace = due;
      this.#hashes.set(meta, 'graceUntilMs', `${due}`);
    }
    this.#hashes.set(meta, 'renewedAtMs', `${now}`);
    this.#setScore(leases, node, due);
    const version = this.#number(meta, 'version') ?? 0;
    if (now < grace) return ['renewed', version, 1];
    const expired = [...(this.#scores.get(leases) ?? [])].filter(([, score]) => score <= now);
    expired.sort(([, one], [, other]) => one - other);
    const claims = this.#hashes.entries(dying).filter(([, claim]) => {
      const held = readClaim(claim);
      return held === undefined || held.reaper === node || held.untilMs <= now;
    });
    return ['renewed', version, 0, ...expired.slice(0, Number(limit)).map(([dead]) => dead), ...claims.map(([d]) => d)];
  }

  #loadNodes([alive, dying, gone, meta]: Four, known: Words) {
    const ended = known.filter(
      (node) =>
        this.#score(gone, node) !== undefined &&
        this.#hashes.get(alive, node) === undefined &&
        this.#hashes.get(dying, node) === undefined,
    );
    const rows = this.#hashes.entries(alive).flatMap(([node, row]) => [Buffer.from(node), Buffer.from(row, 'latin1')]);
    const epoch = Buffer.from(this.#hashes.get(meta, 'epoch') ?? '');
    return [this.#number(meta, 'version') ?? 0, epoch, rows, ended.map((node) => Buffer.from(node))];
  }

  #beginReap([alive, leases, dying, gone, meta]: Five, argv: Words) {
    const [node = '', reaper = '', claimMs, awayMs, keptMs, certainty] = argv;
    const isOwn = node === reaper;
    const isAlive = (of: string): boolean => this.#hashes.get(alive, of) !== undefined;
    if (!isOwn && (!isAlive(reaper) || this.#score(gone, reaper) !== undefined)) return 'reaper-gone';
    const now = this.#nowMs();
    const claim = this.#hashes.get(dying, node);
    if (claim !== undefined) {
      const held = readClaim(claim);
      if (held !== undefined && held.reaper !== reaper && held.untilMs > now) return 'claimed';
    } else if (!isAlive(node) && this.#score(gone, node) !== undefined) {
      return 'ended';
    } else if (!isOwn && certainty !== 'certain') {
      const renewed = this.#number(meta, 'renewedAtMs');
      const grace = this.#number(meta, 'graceUntilMs') ?? 0;
      if (renewed === undefined || now - renewed > Number(awayMs) || now < grace) return 'grace';
      const lease = this.#score(leases, node);
      const isAbsent = (): boolean => lease !== undefined && this.#isAbsent(meta, node, lease, argv.slice(6));
      if (lease !== undefined && lease > now && !(certainty === 'absent' && isAbsent())) return 'alive';
    }
    this.#removeScore(leases, node);
    this.#hashes.delete(meta, `absent:${node}`);
    this.#hashes.set(dying, node, `${reaper} ${now + Number(claimMs)}`);
    this.#addTombstone(gone, node, Number(keptMs));
    return isAlive(node) ? 'won' : 'won-rowless';
  }

  #isAbsent(meta: string, node: string, lease: number, argv: Words): boolean {
    const [inbox = '', ownInbox = '', absentMs, silenceMs, leaseMs, asked = ''] = argv;
    const field = `absent:${node}`;
    const isListening = this.#listenerCount(inbox) > 0 || this.#listenerCount(ownInbox) === 0;
    if (asked === '' ? isListening : asked === '1') {
      this.#hashes.delete(meta, field);
      return false;
    }
    const now = this.#nowMs();
    const seen = (this.#hashes.get(meta, field) ?? '').split(' ').map(Number);
    const [seenFirst = NaN, last = NaN, seenLease] = seen;
    const isSame = seenLease === lease && last <= now && now - last <= Number(absentMs) / 2;
    const first = isSame ? seenFirst : now;
    this.#hashes.set(meta, field, `${first} ${now} ${lease}`);
    return now - first >= Number(absentMs) && now - (lease - Number(leaseMs)) >= Number(silenceMs);
  }

  #endNode([alive, leases, dying, gone, meta, realms, channel]: Seven, [node = '', keptMs, floor]: Words) {
    if (!this.#hashes.delete(dying, node)) return 0;
    this.#hashes.delete(alive, node);
    this.#removeScore(leases, node);
    this.#sets.drop(realms);
    this.#addTombstone(gone, node, Number(keptMs));
    const version = Math.max(this.#number(meta, 'version') ?? 0, Number(floor)) + 1;
    this.#published(channel, packed([1, version, 'gone', node]));
    if (this.#hashes.size(alive) === 0 && this.#hashes.size(dying) === 0) this.#hashes.drop(meta);
    else this.#hashes.set(meta, 'version', `${version}`);
    return version;
  }

  #noteRealms([alive, gone, realms]: Three, [node = '', ...added]: Words) {
    if (this.#score(gone, node) !== undefined) return 'gone';
    if (this.#hashes.get(alive, node) === undefined) return 'absent';
    for (const realm of added) this.#sets.add(realms, realm);
    return 'noted';
  }

  #addTombstone(gone: string, node: string, keptMs: number): void {
    this.#setScore(gone, node, this.#nowMs());
    for (const [old, score] of this.#scores.get(gone)!) {
      if (score < this.#nowMs() - keptMs) this.#removeScore(gone, old);
    }
    this.#timesToLive.set(gone, keptMs);
  }

  #number(key: string, field: string): number | undefined {
    const text = this.#hashes.get(key, field);
    return text === undefined ? undefined : Number(text);
  }

  #score(key: string, member: string): number | undefined {
    return this.#scores.get(key)?.get(member);
  }

  #setScore(key: string, member: string, score: number): void {
    const scores = this.#scores.get(key) ?? new Map<string, number>();
    this.#scores.set(key, scores.set(member, score));
  }

  #removeScore(key: string, member: string): number {
    const scores = this.#scores.get(key);
    const count = scores?.delete(member) === true ? 1 : 0;
    if (scores?.size === 0) this.#scores.delete(key);
    return count;
  }
}

type Words = readonly string[];
type Three = readonly [string, string, string];
type Four = readonly [...Three, string];
type Five = readonly [...Four, string];
type Seven = readonly [...Five, string, string];

function readClaim(claim: string): { readonly reaper: string; readonly untilMs: number } | undefined {
  const match = /^(\S+) (\d+)$/.exec(claim);
  return match === null ? undefined : { reaper: match[1]!, untilMs: Number(match[2]) };
}
