import { Buffer } from 'node:buffer';
import { floatRead, MAX_BIG_INTEGER_BYTES, Untranslatable } from './values.js';

const scratch = new DataView(new ArrayBuffer(8));

/** A value of major type 7, by its additional information, its argument, and the halves of an argument of 8 bytes. */
export function simpleValue(extra: number, argument: number, high: number, low: number): unknown {
  switch (extra) {
    case 20:
      return false;
    case 21:
      return true;
    case 22:
    case 23: // undefined
      return null;
    case 25:
      return floatRead(halfFloat(argument));
    case 26:
      scratch.setUint32(0, argument);
      return floatRead(scratch.getFloat32(0));
    case 27:
      scratch.setUint32(0, high);
      scratch.setUint32(4, low);
      return floatRead(scratch.getFloat64(0));
    default:
      return new Untranslatable(`the CBOR simple value ${argument}`);
  }
}

function halfFloat(bits: number): number {
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The integer that a byte string with tag 2 or 3 stands for. */
export function bignum(tag: 2 | 3, bytes: Uint8Array): unknown {
  if (bytes.length > MAX_BIG_INTEGER_BYTES) return new Untranslatable(`an integer of ${bytes.length} bytes`);
  const digits = Buffer.from(bytes).toString('hex');
  const value = digits === '' ? 0n : BigInt(`0x${digits}`);
  return tag === 2 ? value : -1n - value;
}
