import { Buffer } from 'node:buffer';
import type { SerializerId } from '../../src/wamp/payload.js';

/** Bytes that no library would write: text for JSON, hexadecimal digits for the others. */
export function wire(serializer: SerializerId, forms: Readonly<Record<SerializerId, string>>): Buffer {
  return serializer === 'json' ? Buffer.from(forms.json) : Buffer.from(forms[serializer].replaceAll(' ', ''), 'hex');
}
