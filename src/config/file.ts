import { closeSync, openSync, readSync } from 'node:fs';
import { parseDocument } from 'yaml';
import type { ConfigFault } from './faults.js';

const MAX_FILE_BYTES = 1_048_576;
/** One slip in the syntax makes a parser complain about all that follows. */
const MAX_FLAWS = 5;

/** Reads a configuration file, YAML or JSON (which is YAML). Faults are added to `faults`; then the value is undefined. */
export function readConfigFile(file: string, faults: ConfigFault[]): unknown {
  try {
    return parseConfigText(readText(file), file, faults);
  } catch (error) {
    faults.push({ path: file, message: `cannot be read: ${reasonOf(error)}` });
    return undefined;
  }
}

/** Bounded in depth and in what aliases expand to; duplicate keys, unknown tags and several documents are faults. */
function parseConfigText(text: string, file: string, faults: ConfigFault[]): unknown {
  const document = parseDocument(text, { logLevel: 'error', stringKeys: true });
  const flaws = [...document.errors, ...document.warnings];
  for (const flaw of flaws.slice(0, MAX_FLAWS)) faults.push({ path: file, message: firstLine(flaw.message) });
  return flaws.length > 0 ? undefined : document.toJS({ maxAliasCount: 100 });
}

/** A file of UTF-8 text of bounded length. Read rather than measured: what is given may be a pipe. Throws what is wrong. */
export function readText(file: string): string {
  const buffer = Buffer.alloc(MAX_FILE_BYTES + 1);
  const descriptor = openSync(file, 'r');
  let length = 0;
  try {
    for (;;) {
      const got = readSync(descriptor, buffer, length, buffer.length - length, null);
      if (got === 0) break;
      length += got;
    }
  } finally {
    closeSync(descriptor);
  }
  if (length > MAX_FILE_BYTES) throw new Error(`it has more than ${MAX_FILE_BYTES} bytes`);
  return new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, length));
}

function firstLine(message: string): string {
  return (message.split('\n', 1)[0] ?? '').replace(/:$/, '');
}

/** The reason that the operating system or a parser gives, as a sentence where it is known. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof RangeError) return 'it is nested too deeply';
  switch ('code' in error ? error.code : undefined) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EISDIR':
      return 'it is a directory';
    case 'ERR_ENCODING_INVALID_ENCODED_DATA':
      return 'it is not UTF-8 text';
    default:
      return firstLine(error.message);
  }
}
