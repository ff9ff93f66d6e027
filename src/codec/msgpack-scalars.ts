import { floatRead, integerRead, Timestamp, Untranslatable } from './values.js';

const TIMESTAMP = 0xff;

/** How msgpackr writes undefined, and with it wampy: `{ match: undefined }` in every SUBSCRIBE. */
export function isUndefined(bytes: Uint8Array, pos: number): boolean {
  return pos + 3 <= bytes.length && bytes[pos] === 0xd4 && bytes[pos + 1] === 0 && bytes[pos + 2] === 0;
}

/** Bytes of a scalar or extension, head and content together; 0: no MessagePack; −1: cut off. */
export function scalarLength(bytes: Uint8Array, pos: number): number {
  const first = bytes[pos] as number;
  if (first < 0x80 || first >= 0xe0) return 1;
  switch (first) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return 1;
    case 0xc7:
    case 0xc8:
    case 0xc9: {
      const width = 1 << (first - 0xc7);
      const length = uint(bytes, pos + 1, width);
      return length < 0 ? -1 : 2 + width + length;
    }
    case 0xca:
      return 5;
    case 0xcb:
      return 9;
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
      return 1 + (1 << (first - 0xcc));
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
      return 1 + (1 << (first - 0xd0));
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return 2 + (1 << (first - 0xd4));
    default:
      return 0;
  }
}

/** The scalar at `pos`, already checked. */
export function scalar(bytes: Uint8Array, pos: number): unknown {
  const first = bytes[pos] as number;
  if (first < 0x80) return first;
  if (first >= 0xe0) return first - 0x100;
  switch (first) {
    case 0xc0:
      return null;
    case 0xc2:
      return false;
    case 0xc3:
      return true;
    case 0xcc:
      return bytes[pos + 1];
    case 0xcd:
      return uint(bytes, pos + 1, 2);
    case 0xce:
      return uint(bytes, pos + 1, 4);
    case 0xcf:
      return integerRead(uint(bytes, pos + 1, 4), uint(bytes, pos + 5, 4));
    default:
      return rareScalar(bytes, pos, first, new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
  }
}

function rareScalar(bytes: Uint8Array, pos: number, first: number, view: DataView): unknown {
  switch (first) {
    case 0xca:
      return floatRead(view.getFloat32(pos + 1));
    case 0xcb:
      return floatRead(view.getFloat64(pos + 1));
    case 0xd0:
      return view.getInt8(pos + 1);
    case 0xd1:
      return view.getInt16(pos + 1);
    case 0xd2:
      return view.getInt32(pos + 1);
    case 0xd3: {
      const value = view.getBigInt64(pos + 1);
      const near = Number(value);
      return BigInt(near) === value && Math.abs(near) <= 2 ** 53 ? near : value;
    }
    default:
      return extension(bytes, pos, first, view);
  }
}

export function extension(bytes: Uint8Array, pos: number, first: number, view: DataView): unknown {
  const isFixed = first >= 0xd4;
  const width = isFixed ? 0 : 1 << (first - 0xc7);
  const length = isFixed ? 1 << (first - 0xd4) : uint(bytes, pos + 1, width);
  const type = bytes[pos + 1 + width] as number;
  const start = pos + 2 + width;
  if (isUndefined(bytes, pos)) return null;
  if (type === TIMESTAMP && length === 4) return new Timestamp(BigInt(view.getUint32(start)), 0);
  if (type === TIMESTAMP && length === 8) {
    const packed = view.getBigUint64(start);
    return new Timestamp(packed & 0x3_ffff_ffffn, Number(packed >> 34n));
  }
  if (type === TIMESTAMP && length === 12) return new Timestamp(view.getBigInt64(start + 4), view.getUint32(start));
  return new Untranslatable(`the MessagePack extension type ${type > 127 ? type - 256 : type}`);
}

/** An unsigned integer; −1 when the bytes end before it does. */
export function uint(bytes: Uint8Array, pos: number, width: number): number {
  if (pos + width > bytes.length) return -1;
  let value = 0;
  for (let i = pos; i < pos + width; i++) value = value * 256 + (bytes[i] as number);
  return value;
}
