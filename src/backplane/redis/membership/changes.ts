import type { NodeId } from '../../../wamp/ids.js';
import { pack, unpack } from '../../packr.js';

/** Describes a node to all others when it enters. */
export interface NodeRow {
  readonly name: string;
  /** Versions of the batch format that it reads. */
  readonly reads: readonly number[];
  readonly startedAtMs: number;
}

export type NodeChange =
  | { readonly kind: 'entered'; readonly version: number; readonly node: NodeId; readonly row: NodeRow | Flaw }
  | { readonly kind: 'gone'; readonly version: number; readonly node: NodeId };

export type Flaw = 'version' | 'shape';

const FORMAT = 1;
const MAX_ROW_BYTES = 4_096;
const MAX_CHANGE_BYTES = 8_192;
const MAX_READS_COUNT = 32;
const NODE_ID = /^[^\s\p{C}]{1,255}$/u;

export function isNodeId(text: string): text is NodeId {
  return NODE_ID.test(text);
}

/** Packs the row in MessagePack: a list of the format, the name, the start in ms since 1970, and the versions that the node reads. */
export function writeNodeRow({ name, reads, startedAtMs }: NodeRow): Uint8Array {
  const bytes = pack([FORMAT, name, startedAtMs, reads]);
  if (!(bytes instanceof Uint8Array)) throw new Error(`the row of a node: ${bytes.message}`);
  return bytes;
}

export function readNodeRow(bytes: Uint8Array): NodeRow | Flaw {
  return bytes.byteLength > MAX_ROW_BYTES ? 'shape' : parseNodeRow(unpack(bytes));
}

/**
 * MessagePack: a list of the format, the version of the membership, `entered` or `gone`, the node, and with `entered` its row
 * as a list.
 */
export function readNodeChange(message: Uint8Array): NodeChange | Flaw {
  const fields = message.byteLength > MAX_CHANGE_BYTES ? undefined : unpack(message);
  if (!Array.isArray(fields) || !Number.isSafeInteger(fields[0])) return 'shape';
  const [format, version, kind, node, row] = fields as unknown[];
  if (format !== FORMAT) return 'version';
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 0) return 'shape';
  if (typeof node !== 'string' || !isNodeId(node)) return 'shape';
  if (kind === 'gone') return fields.length === 4 ? { kind, version, node } : 'shape';
  return kind === 'entered' && Array.isArray(row) ? { kind, version, node, row: parseNodeRow(row) } : 'shape';
}

function parseNodeRow(row: unknown): NodeRow | Flaw {
  if (!Array.isArray(row) || !Number.isSafeInteger(row[0])) return 'shape';
  const [format, name, startedAtMs, reads] = row as unknown[];
  if (format !== FORMAT) return 'version';
  if (!isFormatList(reads) || typeof name !== 'string' || typeof startedAtMs !== 'number') return 'shape';
  return { name, reads, startedAtMs };
}

function isFormatList(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length <= MAX_READS_COUNT && value.every((item) => Number.isSafeInteger(item));
}
