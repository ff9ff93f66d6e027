import { Buffer } from 'node:buffer';
import { unpack } from '../../src/backplane/packr.js';
import { packed } from './packed.js';
import type { TwinHashes } from './twin-storage.js';

export interface Procedure {
  readonly id: number;
  readonly invoke: string;
  readonly forcedAt: number;
  readonly successors: readonly string[];
  readonly createdMs: number;
}

export interface Callee {
  readonly order: number;
  readonly traits: readonly [concurrency: number, disclose: boolean, forward: boolean];
  readonly takesOver: string;
  readonly digest: string;
}

/** The row of a callee as changes have it: without the digest. */
export function listOf({ order, traits, takesOver }: Callee): readonly unknown[] {
  return [1, order, ...traits, takesOver];
}

export function packedText(value: unknown): string {
  return latin1(packed(value));
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** The rows of procedures and callees in the hashes of a twin. */
export class RealmTwinRows {
  readonly #hashes: TwinHashes;

  constructor(hashes: TwinHashes) {
    this.#hashes = hashes;
  }

  procedure(key: string, member: string): Procedure | 'unreadable' | undefined {
    const text = this.#hashes.get(key, member);
    if (text === undefined) return undefined;
    const row = unpack(Buffer.from(text, 'latin1'));
    if (!Array.isArray(row) || row[0] !== 1) return 'unreadable';
    const [, id, invoke, forcedAt, successors, createdMs] = row as [1, number, string, number, string[], number];
    return { id, invoke, forcedAt, successors, createdMs };
  }

  putProcedure(key: string, member: string, { id, invoke, forcedAt, successors, createdMs }: Procedure): void {
    this.#hashes.set(key, member, packedText([1, id, invoke, forcedAt, successors, createdMs]));
  }

  callee(key: string, holder: string): Callee | undefined {
    const text = this.#hashes.get(key, holder);
    if (text === undefined) return undefined;
    const row = unpack(Buffer.from(text, 'latin1')) as [1, number, number, boolean, boolean, string, string];
    const [, order, concurrency, disclose, forward, takesOver, digest] = row;
    return { order, traits: [concurrency, disclose, forward], takesOver, digest };
  }

  putCallee(key: string, holder: string, callee: Callee): void {
    this.#hashes.set(key, holder, packedText([...listOf(callee), callee.digest]));
  }
}
