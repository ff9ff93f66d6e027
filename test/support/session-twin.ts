import { Buffer } from 'node:buffer';
import { unpack } from '../../src/backplane/packr.js';
import type { TwinHashes } from './twin-storage.js';

type Words = readonly string[];

/** The steps of sessions in `lua/`, written again in TypeScript; RealmTwin runs them. */
export class SessionTwin {
  readonly #hashes: TwinHashes;

  constructor(hashes: TwinHashes) {
    this.#hashes = hashes;
  }

  /** Returns undefined if the file is no step of sessions. */
  eval(file: string, keys: readonly string[], argv: Words): unknown {
    switch (file) {
      case 'join_sessions.lua':
        return this.#join(keys, argv);
      case 'leave_sessions.lua':
        return this.#leave(keys, argv);
      case 'take_sessions.lua':
        return this.#take(keys, argv);
      case 'set_testaments.lua':
        return this.#setTestaments(keys as readonly [string, string], argv);
      case 'load_sessions.lua':
        return pairsOf(argv).map(([session, place]) => {
          const row = this.#hashes.get(keys[place - 1]!, session);
          return row === undefined ? null : Buffer.from(row, 'latin1');
        });
      case 'count_sessions.lua':
        return argv.length === 0
          ? this.#hashes.size(keys[0]!)
          : argv.reduce((sum, role) => sum + Number(this.#hashes.get(keys[1]!, role) ?? 0), 0);
      default:
        return undefined;
    }
  }

  #join(keys: readonly string[], [node = '', mode, ...rest]: Words): unknown {
    const [ids, of] = keys as [string, string];
    const entered: number[] = [];
    for (let at = 0; at < rest.length; at += 4) {
      const [session, place, realm, row] = rest.slice(at, at + 4) as [string, string, string, string];
      const [rows, roles] = placeOf(keys, Number(place));
      const holder = this.#hashes.get(ids, session);
      const isFree = holder === undefined || (mode === 'rejoin' && holder === node);
      if (isFree) {
        if (holder !== undefined) this.#remove(keys, node, session, Number(place));
        this.#hashes.set(ids, session, node);
        this.#hashes.set(of, session, realm);
        this.#hashes.set(rows, session, row);
        this.#addTo(roles, readRow(row)!.role, 1);
      }
      entered.push(isFree ? 1 : 0);
    }
    return entered;
  }

  #leave(keys: readonly string[], [node = '', ...rest]: Words): number {
    const left = pairsOf(rest).filter(([session, place]) => this.#remove(keys, node, session, place));
    for (const [session] of pairsOf(rest)) this.#hashes.delete(keys[2]!, session);
    return left.length;
  }

  #take(keys: readonly string[], [node = '', maxBytes, ...rest]: Words): unknown {
    const taken: (string | undefined)[] = [];
    let bytes = 0;
    for (const [session, place] of pairsOf(rest)) {
      const testaments = this.#hashes.get(keys[2]!, session);
      taken.push(this.#hashes.get(keys[place - 1]!, session), testaments);
      this.#remove(keys, node, session, place);
      this.#hashes.delete(keys[2]!, session);
      bytes += testaments?.length ?? 0;
      if (bytes > Number(maxBytes)) break;
    }
    return taken.map((value) => (value === undefined ? null : Buffer.from(value, 'latin1')));
  }

  #setTestaments([ids, testaments]: readonly [string, string], [node, session = '', value = '']: Words): number {
    if (value === '') {
      this.#hashes.delete(testaments, session);
      return 1;
    }
    if (this.#hashes.get(ids, session) !== node) return 0;
    this.#hashes.set(testaments, session, value);
    return 1;
  }

  #remove(keys: readonly string[], node: string, session: string, place: number): boolean {
    const [ids, of] = keys as [string, string];
    const [rows, roles] = placeOf(keys, place);
    const isOwn = this.#hashes.get(ids, session) === node;
    const packed = this.#hashes.get(rows, session);
    const row = packed === undefined ? undefined : readRow(packed);
    if (row?.node === node) {
      this.#hashes.delete(rows, session);
      this.#addTo(roles, row.role, -1);
    } else if (packed !== undefined && row === undefined && isOwn) {
      this.#hashes.delete(rows, session);
    }
    this.#hashes.delete(of, session);
    if (isOwn) this.#hashes.delete(ids, session);
    return isOwn;
  }

  #addTo(key: string, role: string, change: number): void {
    const count = Number(this.#hashes.get(key, role) ?? 0) + change;
    if (count < 1) this.#hashes.delete(key, role);
    else this.#hashes.set(key, role, `${count}`);
  }
}

function placeOf(keys: readonly string[], place: number): readonly [rows: string, roles: string] {
  return [keys[place - 1]!, keys[place]!];
}

function pairsOf(words: Words): (readonly [session: string, place: number])[] {
  return Array.from({ length: words.length / 2 }, (_, at) => [words[2 * at]!, Number(words[2 * at + 1])] as const);
}

function readRow(text: string): { readonly node: string; readonly role: string } | undefined {
  const row = unpack(Buffer.from(text, 'latin1'));
  if (!Array.isArray(row) || row[0] !== 1) return undefined;
  const [, node, , role] = row as [1, string, string, string];
  return { node, role };
}
