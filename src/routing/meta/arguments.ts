import { isDict, own, returnedId } from '../../wamp/dict.js';
import { fault, isFault, type Fault } from '../../wamp/faults.js';
import type { Uri } from '../../wamp/ids.js';
import type { Dict, List } from '../../wamp/options.js';
import { checkUri } from '../../wamp/uri-rules.js';
import { ErrorUri } from '../../wamp/uris.js';

/** The types that arguments of meta procedures have. */
interface Kinds {
  readonly id: number;
  readonly text: string;
  readonly texts: readonly string[];
  readonly uri: Uri;
  readonly dict: Dict;
}

type Kind = keyof Kinds;

/** Parameters by name, in the order in which they are given. `?`: may be absent, or null. */
export type Parameters = Readonly<Record<string, Kind | `${Kind}?`>>;

/** The arguments of one call. */
export type ArgumentsOf<P extends Parameters> = {
  readonly [Name in keyof P]: P[Name] extends Kind ? Kinds[P[Name]] : Kinds[BaseOf<P[Name]>] | undefined;
};

type BaseOf<Type> = Type extends `${infer Base extends Kind}?` ? Base : never;

const EXPECTED: Readonly<Record<Kind, string>> = {
  id: 'an id',
  text: 'a string',
  texts: 'a list of strings',
  uri: 'a URI',
  dict: 'a dict',
};

/** The bounds of a URI that names a reason; those of the realm are for topics and procedures. */
const URI_RULES = { uriCheck: 'loose', maxUriBytes: 255, maxUriComponents: 32 } as const;

/**
 * Reads the arguments of a call: by position, or by keyword as for Crossbar.io. Those that the procedure does not
 * have are ignored. A Fault: `wamp.error.invalid_argument` (SMA-4), or `wamp.error.invalid_uri`.
 */
export function readArguments<P extends Parameters>(parameters: P, args: List, kwargs: Dict): ArgumentsOf<P> | Fault {
  const read: Record<string, unknown> = {};
  for (const [at, [name, type]] of Object.entries(parameters).entries()) {
    const value = args[at] ?? own(kwargs, name);
    if (value === undefined || value === null) {
      if (!type.endsWith('?')) return missing(name, at, type as Kind);
      continue;
    }
    const kind = (type.endsWith('?') ? type.slice(0, -1) : type) as Kind;
    const checked = check(kind, value, name);
    if (isFault(checked)) return checked;
    read[name] = checked;
  }
  return read as ArgumentsOf<P>;
}

function check(kind: Kind, value: unknown, name: string): Kinds[Kind] | Fault {
  const checked = valueOf(kind, value);
  if (checked === undefined) return fault(ErrorUri.INVALID_ARGUMENT, `${name}: expected ${EXPECTED[kind]}`);
  if (kind !== 'uri') return checked;
  const flaw = checkUri(checked as Uri, 'exact', URI_RULES);
  return flaw === undefined ? checked : fault(ErrorUri.INVALID_URI, `${name} is not a valid URI: ${flaw}`);
}

function valueOf(kind: Kind, value: unknown): Kinds[Kind] | undefined {
  switch (kind) {
    case 'id':
      return returnedId(value);
    case 'text':
    case 'uri':
      return typeof value === 'string' ? value : undefined;
    case 'texts':
      return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined;
    case 'dict':
      return isDict(value) ? value : undefined;
  }
}

function missing(name: string, at: number, kind: Kind): Fault {
  return fault(ErrorUri.INVALID_ARGUMENT, `${name} is missing: expected ${EXPECTED[kind]} as argument ${at + 1}`);
}
