import type { NodeId } from '../../../wamp/ids.js';

/** What a node says of itself to all others when it enters. */
export interface NodeRow {
  readonly name: string;
  /** Versions of the batch format that it reads. */
  readonly reads: readonly number[];
  readonly startedAtMs: number;
}

export type NodeChange =
  | { readonly kind: 'entered'; readonly version: number; readonly node: NodeId; readonly row: string }
  | { readonly kind: 'gone'; readonly version: number; readonly node: NodeId };

export type Flaw = 'version' | 'shape';

const MAX_ROW_BYTES = 4_096;
const MAX_CHANGE_BYTES = 8_192;
const MAX_READS_COUNT = 32;
const NODE_ID = /^[^\s\p{C}]{1,255}$/u;
const CHANGE = /^1 ([0-9]{1,15}) (?:(gone) (\S+)|entered (\S+) (\{.*\}))$/u;
const decoder = new TextDecoder('utf-8', { fatal: true });

export function isNodeId(text: string): text is NodeId {
  return NODE_ID.test(text);
}

export function writeNodeRow({ name, reads, startedAtMs }: NodeRow): string {
  return JSON.stringify({ v: 1, reads, name, startedAtMs });
}

export function readNodeRow(text: string): NodeRow | Flaw {
  if (text.length > MAX_ROW_BYTES) return 'shape';
  const row = parseObject(text);
  if (row === undefined) return 'shape';
  const { v, reads, name, startedAtMs } = row;
  if (v !== 1) return typeof v === 'number' ? 'version' : 'shape';
  if (!isFormatList(reads) || typeof name !== 'string' || typeof startedAtMs !== 'number') return 'shape';
  return { name, reads, startedAtMs };
}

/** `1 <version> entered <node> <row>` or `1 <version> gone <node>`; the row is not looked at. */
export function readNodeChange(message: Uint8Array): NodeChange | Flaw {
  if (message.byteLength > MAX_CHANGE_BYTES) return 'shape';
  const text = decode(message);
  if (text === undefined) return 'shape';
  const match = CHANGE.exec(text);
  if (match === null) return /^[0-9]+ /.test(text) && !text.startsWith('1 ') ? 'version' : 'shape';
  const [, digits, gone, leaver, enterer, row] = match;
  const node = leaver ?? enterer ?? '';
  if (!isNodeId(node)) return 'shape';
  const version = Number(digits);
  return gone === undefined ? { kind: 'entered', version, node, row: row ?? '' } : { kind: 'gone', version, node };
}

function isFormatList(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length <= MAX_READS_COUNT && value.every((item) => Number.isSafeInteger(item));
}

function parseObject(text: string): Partial<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
