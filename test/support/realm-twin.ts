/**
 * Realms and sessions as a store keeps them, with the steps of `lua/` written again in TypeScript: for tests that decide
 * when each step happens. One contract suite runs on this and on a real server.
 */
export class RealmTwin {
  readonly #published: (channel: string, text: string) => void;
  #strings = new Map<string, string>();
  #hashes = new Map<string, Map<string, string>>();
  #sets = new Map<string, Set<string>>();

  constructor(published: (channel: string, text: string) => void) {
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

  eval(file: string, keys: readonly string[], words: readonly (string | number)[]): unknown {
    const argv = words.map(String);
    switch (file) {
      case 'enter_realm.lua':
        return this.#enterRealm(keys as Three, argv);
      case 'mark_whole.lua':
        return this.#markWhole(keys as Three, argv);
      case 'load_realm.lua':
        return [this.#number(keys[0]!), ...[...(this.#hashes.get(keys[1]!) ?? [])].flat()];
      case 'change_interest.lua':
        return this.#changeInterest(keys as Four, argv);
      case 'claim_procedure.lua':
        return this.#claimProcedure(keys as Seven, argv);
      case 'complete_takeover.lua':
        return this.#completeTakeover(keys as Seven, argv);
      case 'release_callees.lua':
        return this.#releaseCallees(keys as Seven, argv);
      case 'withdraw_node.lua':
        return this.#withdrawNode(keys as Eight, argv);
      case 'join_sessions.lua':
        return this.#joinSessions(keys as Two, argv);
      case 'leave_sessions.lua':
        return this.#leaveSessions(keys as Two, argv[0]!, argv.slice(1));
      case 'forget_sessions.lua':
        return this.#forgetSessions(keys as Two, argv);
      default:
        throw new Error(`the twin knows no ${file}`);
    }
  }

  members(key: string): readonly string[] {
    return [...(this.#sets.get(key) ?? [])];
  }

  fields(key: string): readonly (readonly [string, string])[] {
    return [...(this.#hashes.get(key) ?? [])];
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
      default:
        throw new Error(`the twin knows no ${name}`);
    }
  }

  #enterRealm([version, nodes, channel]: Three, [node = '', floor]: Words): unknown {
    const current = this.#number(version);
    const isBehind = current < Number(floor) ? 1 : 0;
    const isKnown = this.#hashes.get(nodes)?.has(node) === true;
    if (!isKnown) this.#hset(nodes, node, '1 loading');
    const reached = isKnown ? current : this.#say(version, floor, channel, '-', ['enter', node]);
    return [isKnown ? 'known' : 'entered', reached, isBehind, ...this.fields(nodes).flat()];
  }

  #markWhole([version, nodes, channel]: Three, [node = '', floor]: Words): unknown {
    if (!this.#serves(nodes, node)) return ['stranger'];
    this.#hset(nodes, node, '1 whole');
    return ['done', this.#say(version, floor, channel, node, ['whole', node]), ...this.#nodes(nodes)];
  }

  #changeInterest([version, nodes, channel, interest]: Four, argv: Words): unknown {
    const [node = '', floor, asker = '', addCount, ...members] = argv;
    if (!this.#serves(nodes, node)) return ['stranger'];
    const added = members.slice(0, Number(addCount));
    const removed = members.slice(Number(addCount));
    for (const member of added) this.#sadd(interest, member);
    for (const member of removed) this.#srem(interest, member);
    const head = `["interest","${node}",[`;
    const body = `${head}${quoted(added)}],[${quoted(removed)}]]`;
    return ['done', this.#say(version, floor, channel, asker, body), ...this.#nodes(nodes)];
  }

  #claimProcedure([version, nodes, channel, procedures, ids, callees, owners]: Seven, argv: Words): unknown {
    const [node = '', floor, member = '', wantedId = '', invoke = '', session = '', rest = ''] = argv;
    const force = argv[7];
    const order = argv[8] ?? '';
    const digest = argv[9] ?? '';
    let isForced = force === '1';
    if (!this.#serves(nodes, node)) return ['stranger'];
    const row = readRow(this.#hashes.get(procedures)?.get(member));
    if (row === 'unreadable') return ['unreadable'];
    const isThere = row?.lines.some((line) => line.startsWith(`${node} ${session} `)) ?? false;
    if (row !== undefined) {
      const holders = row.lines.map((held) => held.split(' ', 2).join(' '));
      const few = holders.slice(0, 64);
      if (isThere && order === '') return ['taken', ...few];
      if (order !== '' && !isThere && (row.id !== wantedId || Number(row.forcedAt) > Number(order))) return ['taken'];
      if (force === '3' && !isThere) {
        const isOwn = (holder: string): boolean => this.#hashes.get(owners)?.get(`${holder} ${member}`) === digest;
        isForced = digest !== '' && holders.every(isOwn);
      }
      if ((force === '2' || force === '3') && !isThere && !isForced) return ['protected', ...few];
      if (isForced && order === '' && row.lines.filter(isHeir).length >= 8) return ['taken', ...few];
      if (!isForced && !isThere && row.invoke === 'single') return ['taken', ...few];
      if (!isForced && !isThere && row.invoke !== invoke) return ['policy', row.invoke, ...few];
      if (isForced && order !== '') for (const holder of holders) this.#hdel(owners, `${holder} ${member}`);
    } else {
      const holder = this.#hashes.get(ids)?.get(wantedId);
      if (holder !== undefined && holder !== member) return ['id-taken'];
      this.#hset(ids, wantedId, member);
    }
    const id = row?.id ?? wantedId;
    const next = `${Math.max(this.#number(version), Number(floor)) + 1}`;
    const given = order === '' ? next : order;
    const isOffer = row !== undefined && isForced && order === '';
    const line = `${node} ${session} ${given} ${rest}${isOffer ? ` ${invoke}` : ''}`;
    if (isOffer) isForced = false;
    if (row === undefined || isForced)
      this.#putRow(procedures, member, { id, invoke, forcedAt: isForced ? next : '0', lines: [line] });
    else if (!isThere) this.#putRow(procedures, member, { ...row, lines: [...row.lines, line] });
    this.#sadd(callees, member);
    if (digest !== '') this.#hset(owners, `${node} ${session} ${member}`, digest);
    const body = `[${quoted(['claim', id, member, invoke, line])},${isForced ? 1 : 0}]`;
    const now = this.#say(version, floor, channel, node, body);
    return [isOffer ? 'offered' : 'granted', now, id, given, ...this.#nodes(nodes)];
  }

  #completeTakeover([version, nodes, channel, procedures, , , owners]: Seven, argv: Words): unknown {
    const [node = '', floor, member = '', session = ''] = argv;
    if (!this.#serves(nodes, node)) return ['stranger'];
    const row = readRow(this.#hashes.get(procedures)?.get(member));
    const own = row === 'unreadable' ? undefined : row?.lines.find((line) => line.startsWith(`${node} ${session} `));
    if (row === undefined || row === 'unreadable' || own === undefined || !isHeir(own))
      return ['done', this.#number(version)];
    const orderOf = (line: string): number => Number(line.split(' ')[2]);
    const since = row.lines.filter((line) => isHeir(line) && orderOf(line) > orderOf(own));
    for (const line of row.lines)
      if (line !== own && !since.includes(line)) this.#hdel(owners, `${line.split(' ', 2).join(' ')} ${member}`);
    const words = own.split(' ');
    const invoke = words.pop()!;
    const line = words.join(' ');
    const body = `[${quoted(['claim', row.id, member, invoke, line])},1]`;
    const now = this.#say(version, floor, channel, '-', body);
    this.#putRow(procedures, member, { id: row.id, invoke, forcedAt: `${now}`, lines: [line, ...since] });
    return ['done', now];
  }

  #releaseCallees([version, nodes, channel, procedures, ids, callees, owners]: Seven, argv: Words): unknown {
    const [node = '', floor, ...rest] = argv;
    if (!this.#serves(nodes, node)) return ['stranger'];
    const changes: string[] = [];
    for (let at = 0; at < rest.length;) {
      const member = rest[at]!;
      const sessions = rest.slice(at + 2, at + 2 + Number(rest[at + 1]));
      at += 2 + sessions.length;
      const row = readRow(this.#hashes.get(procedures)?.get(member));
      if (row === 'unreadable') continue;
      const removed = sessions.filter((session) => row?.lines.some((line) => line.startsWith(`${node} ${session} `)));
      if (row !== undefined && removed.length > 0) {
        const lines = row.lines.filter((line) => !removed.some((session) => line.startsWith(`${node} ${session} `)));
        this.#putRow(procedures, member, inherited({ ...row, lines }));
        if (lines.length === 0) this.#hdel(ids, row.id);
        for (const session of removed) this.#hdel(owners, `${node} ${session} ${member}`);
        changes.push(`[${quoted([row.id, ...removed.sort()])}]`);
        row.lines = lines;
      }
      if (row?.lines.some((line) => line.startsWith(`${node} `)) !== true) this.#srem(callees, member);
    }
    if (changes.length === 0) return ['done', this.#number(version)];
    return ['done', this.#say(version, floor, channel, '-', `["release","${node}",[${changes.join(',')}]]`)];
  }

  #withdrawNode([version, nodes, channel, procedures, ids, callees, owners, interest]: Eight, argv: Words): unknown {
    const [node = '', floor, limit] = argv;
    const changed: string[] = [];
    for (const member of this.members(callees).slice(0, Number(limit))) {
      this.#srem(callees, member);
      const row = readRow(this.#hashes.get(procedures)?.get(member));
      if (row === undefined || row === 'unreadable') continue;
      const lines = row.lines.filter((line) => !line.startsWith(`${node} `));
      if (lines.length === row.lines.length) continue;
      for (const line of row.lines) {
        const [owner, session] = line.split(' ');
        if (owner === node) this.#hdel(owners, `${node} ${session} ${member}`);
      }
      this.#putRow(procedures, member, inherited({ ...row, lines }));
      if (lines.length === 0) this.#hdel(ids, row.id);
      changed.push(row.id);
    }
    const isLast = !this.#sets.has(callees);
    let hasChanged = changed.length > 0;
    if (isLast) {
      hasChanged = this.#hdel(nodes, node) || hasChanged;
      hasChanged = this.#sets.delete(interest) || hasChanged;
    }
    const body = `["${isLast ? 'withdrawn' : 'drop'}","${node}",[${quoted(changed)}]]`;
    let now = this.#number(version);
    if (hasChanged) now = this.#say(version, floor, channel, '-', body);
    if (isLast && !this.#hashes.has(nodes)) {
      this.#strings.delete(version);
      this.#hashes.delete(procedures);
      this.#hashes.delete(ids);
      this.#hashes.delete(owners);
      now = 0;
    }
    return [isLast ? 'done' : 'more', now];
  }

  #joinSessions([ids, of]: Two, [node = '', mode, ...rest]: Words): unknown {
    const entered: number[] = [];
    for (let at = 0; at < rest.length; at += 2) {
      const session = rest[at]!;
      const holder = this.#hashes.get(ids)?.get(session);
      const isFree = holder === undefined || (mode === 'rejoin' && holder === node);
      if (isFree) {
        this.#hset(ids, session, node);
        this.#hset(of, session, rest[at + 1]!);
      }
      entered.push(isFree ? 1 : 0);
    }
    return entered;
  }

  #leaveSessions([ids, of]: Two, node: string, sessions: Words): number {
    let count = 0;
    for (const session of sessions) {
      this.#hdel(of, session);
      if (this.#hashes.get(ids)?.get(session) !== node) continue;
      this.#hdel(ids, session);
      count++;
    }
    return count;
  }

  #forgetSessions(keys: Two, [node = '', limit]: Words): number {
    const of = keys[1];
    const sessions = [...(this.#hashes.get(of)?.keys() ?? [])].slice(0, Number(limit));
    this.#leaveSessions(keys, node, sessions);
    return this.#hashes.get(of)?.size ?? 0;
  }

  #say(key: string, floor: string | undefined, channel: string, asker: string, body: string | string[]): number {
    const version = Math.max(this.#number(key), Number(floor)) + 1;
    this.#strings.set(key, `${version}`);
    this.#published(channel, `1 ${version} ${asker} ${typeof body === 'string' ? body : `[${quoted(body)}]`}`);
    return version;
  }

  #putRow(key: string, member: string, { id, invoke, forcedAt, lines }: Row): void {
    if (lines.length === 0) this.#hdel(key, member);
    else this.#hset(key, member, `1\n${id} ${invoke} ${forcedAt}\n${lines.map((line) => `${line}\n`).join('')}`);
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
type Two = readonly [string, string];
type Three = readonly [string, string, string];
type Four = readonly [...Three, string];
type Seven = readonly [...Four, string, string, string];
type Eight = readonly [...Seven, string];

interface Row {
  readonly id: string;
  readonly invoke: string;
  readonly forcedAt: string;
  lines: string[];
}

function readRow(text: string | undefined): Row | 'unreadable' | undefined {
  if (text === undefined) return undefined;
  const match = /^1\n(\d+) ([a-z]+) (\d+)\n/.exec(text);
  if (match === null) return 'unreadable';
  const lines = text.slice(match[0].length).split('\n').slice(0, -1);
  return { id: match[1]!, invoke: match[2]!, forcedAt: match[3]!, lines };
}

function isHeir(line: string): boolean {
  return / [a-z]{4,}$/.test(line);
}

function inherited(row: Row): Row {
  const [first, ...others] = row.lines;
  if (first === undefined || !row.lines.every(isHeir)) return row;
  const words = first.split(' ');
  const invoke = words.pop()!;
  return { id: row.id, invoke, forcedAt: '0', lines: [words.join(' '), ...others] };
}

function quoted(words: Words): string {
  return words.map((word) => `"${word}"`).join(',');
}
