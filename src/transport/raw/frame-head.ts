/** Length of the prefix of each frame. */
export const HEAD_BYTES = 4;

/** A prefix can express 2^24 too, but some clients cannot read it: the router sends less (RS-5). */
export const MOST_SENT_BYTES = 2 ** 24 - 1;

const LONGEST_BYTES = 2 ** 24;
const KINDS = ['message', 'ping', 'pong'] as const;

export type FrameKind = (typeof KINDS)[number];

/** Prefix of a frame: its kind, and the length of its payload. */
export interface FrameHead {
  readonly kind: FrameKind;
  readonly length: number;
}

/** Reads a prefix. Undefined: a reserved bit or kind (RS-6), or a length in two forms (RS-5). */
export function readFrameHead(octets: Uint8Array): FrameHead | undefined {
  const [first = 0, high = 0, middle = 0, low = 0] = octets;
  const kind = KINDS[first & 0x07];
  if (kind === undefined || (first & 0xf0) !== 0) return undefined;
  const length = (high << 16) | (middle << 8) | low;
  if ((first & 0x08) === 0) return { kind, length };
  return length === 0 ? { kind, length: LONGEST_BYTES } : undefined;
}

/** Writes the prefix of a frame of at most MOST_SENT_BYTES. */
export function writeFrameHead(target: Uint8Array, at: number, kind: FrameKind, length: number): void {
  target[at] = KINDS.indexOf(kind);
  target[at + 1] = length >> 16;
  target[at + 2] = (length >> 8) & 0xff;
  target[at + 3] = length & 0xff;
}
