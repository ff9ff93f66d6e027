import { closeSync, openSync, readSync } from 'node:fs';
import { parseDocument } from 'yaml';
import type { ConfigFault } from './faults.js';

const MAX_FILE_BYTES = 1_048_576;
/** One error in the syntax makes a parser report many more behind it. */
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
  for (const flaw of flaws.slice(0, MAX_FLAWS)) faults.push({ path: file, message: withoutContent(flaw.message) });
  if (flaws.length > 0) return undefined;
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    faults.push({ path: file, message: withoutContent(error.message) });
    return undefined;
  }
}

/** Whether JSON text has a key twice in one object, of which `JSON.parse` would silently take the last. */
export function hasDuplicateKeys(json: string): boolean {
  return parseDocument(json, { logLevel: 'error' }).errors.some(({ code }) => code === 'DUPLICATE_KEY');
}

/** The parser quotes some of the text behind a colon, and that text may be a secret. */
function withoutContent(message: string): string {
  return firstLine(message).replace(/: .*?(?= at line \d+, column \d+$|$)/, '');
}

/**
 * A file of UTF-8 text of bounded length. The size is not asked for: the file may be a pipe. Throws an error that
 * gives the reason.
 */
export function readText(file: string, maxBytes = MAX_FILE_BYTES): string {
  const buffer = Buffer.alloc(maxBytes + 1);
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
  if (length > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`);
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
