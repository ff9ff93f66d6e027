import { writeByte } from '../../codec/binary.js';
import type { ByteSink } from '../../codec/byte-sink.js';
import { NO_DETAILS, type Passthru } from '../../wamp/options.js';
import { isDict } from '../../wamp/dict.js';
import { pack, unpack } from '../packr.js';
import { PASSTHRU_FORMS } from './format.js';
import { type FieldCursor, writeCount } from './fields.js';

/** Details that cannot be represented set `sink.trouble`. */
export function writePassthru(sink: ByteSink, { form, details }: Passthru): void {
  const bytes = pack(details);
  if (!(bytes instanceof Uint8Array)) {
    sink.trouble ??= bytes.message;
    return;
  }
  writeByte(sink, PASSTHRU_FORMS.indexOf(form));
  writeCount(sink, bytes.length);
  sink.append(bytes, 0, bytes.length);
}

export function readPassthru(cursor: FieldCursor): Passthru {
  const form = PASSTHRU_FORMS[cursor.choice(PASSTHRU_FORMS.length)] as Passthru['form'];
  const details = unpack(cursor.byteString());
  if (isDict(details)) return { form, details };
  cursor.fail();
  return { form, details: NO_DETAILS };
}
