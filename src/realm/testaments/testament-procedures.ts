import { BackplaneUnavailableError, UNREACHABLE_NOW } from '../../backplane/backplane.js';
import { payloadOf, rawPayload } from '../../codec/payload.js';
import { AuthorizationFailedError } from '../../session/authorization/remote-authorizer.js';
import type { Decision } from '../../session/authorization/permission.js';
import { isOneRequest, type RealmRules, type Session } from '../../session/ports.js';
import { Code } from '../../wamp/codes.js';
import { isDict } from '../../wamp/dict.js';
import { fault, isFault, type Fault } from '../../wamp/faults.js';
import type { RequestId, Uri } from '../../wamp/ids.js';
import type { Publish } from '../../wamp/messages.js';
import { NO_DETAILS, type Dict, type List, type PublishOptions, type TrustLevel } from '../../wamp/options.js';
import { carriedPayload } from '../../wamp/parse.js';
import { parsePublishOptions } from '../../wamp/parse-options.js';
import type { Payload } from '../../wamp/payload.js';
import { checkUri, isReserved } from '../../wamp/uri-rules.js';
import { ErrorUri } from '../../wamp/uris.js';
import type { RouterProcedure } from '../router-procedures.js';
import { packTestament, type TestamentScope } from './testament.js';
import type { Testaments } from './testaments.js';

export const ADD_TESTAMENT: Uri = 'wamp.session.add_testament';
export const FLUSH_TESTAMENTS: Uri = 'wamp.session.flush_testaments';

/** The realm of a caller, as these procedures need it. */
export interface TestamentRealm {
  readonly rules: RealmRules;
  readonly testaments: Testaments;
}

/** Undefined: the node has no such realm any more. */
type FindRealm = (uri: Uri) => TestamentRealm | undefined;

/** It has no row in the store beside which a testament could stand. */
const ENDS_WITH_ITS_ANSWER =
  'the session of an HTTP request ends with its answer and has no testaments: call this over WebSocket, RawSocket or long-poll';

const ADD_KEYS = ['topic', 'args', 'kwargs', 'publish_options', 'scope'];
const FLUSH_KEYS = ['scope'];
/** The options of PUBLISH that have no meaning for a testament (TST-4). */
const IGNORED_OPTIONS: ReadonlySet<string> = new Set(['acknowledge', 'exclude_me']);

/** Adds a publication that the router makes when the caller's session ends (TST-1). The caller must be allowed to publish it now. */
export function addTestament(find: FindRealm): RouterProcedure {
  return async ({ realm: uri, caller, args, kwargs }) => {
    const realm = find(uri);
    if (realm === undefined) return fault(ErrorUri.UNAVAILABLE, 'the realm is being closed on this node');
    if (isOneRequest(caller)) return invalid(ENDS_WITH_ITS_ANSWER);
    const named = readArguments(args, kwargs, ADD_KEYS);
    const wish = isFault(named) ? named : readWish(named, caller, realm.rules);
    if (isFault(wish)) return wish;
    const { scope, topic, options, given, payload } = wish;
    const packed = (disclose: boolean, trustLevel?: TrustLevel): Uint8Array | undefined =>
      packTestament({ scope, topic, disclose, payload }, given, trustLevel);
    const bytes = packed(false);
    if (bytes === undefined) return invalid('publish_options contains what the router cannot store');
    const entry = realm.testaments.reserve(caller.session, scope, bytes);
    if (isFault(entry)) return entry;
    const message: Publish = [Code.PUBLISH, 0 as RequestId, options, topic, payload];
    const decision = await decide(caller, message, realm.rules);
    if (isFault(decision)) {
      realm.testaments.refuse(caller.session, entry);
      return decision;
    }
    const { disclose, trustLevel } = decision;
    if (disclose || trustLevel !== undefined) entry.bytes = packed(disclose, trustLevel) ?? bytes;
    return stored(() => realm.testaments.grant(caller.session, entry));
  };
}

/** Removes the testaments of one scope (TST-2). */
export function flushTestaments(find: FindRealm): RouterProcedure {
  return async ({ realm: uri, caller, args, kwargs }) => {
    if (isOneRequest(caller)) return invalid(ENDS_WITH_ITS_ANSWER);
    const named = readArguments(args, kwargs, FLUSH_KEYS);
    if (isFault(named)) return named;
    const scope = readScope(named['scope']);
    if (isFault(scope)) return scope;
    return stored(async () => find(uri)?.testaments.flush(caller, scope));
  };
}

interface Wish {
  readonly scope: TestamentScope;
  readonly topic: Uri;
  readonly options: PublishOptions;
  /** The options, as they are stored. */
  readonly given: Dict;
  readonly payload: Payload;
}

/** Each argument comes by its place or by its keyword, and no other comes at all. */
function readArguments(args: List, kwargs: Dict, keys: readonly string[]): Dict | Fault {
  if (args.length > keys.length) return invalid(`takes no more than ${keys.length} arguments: ${keys.join(', ')}`);
  const named = new Map<string, unknown>(args.map((value, at) => [keys[at] ?? '', value]));
  for (const [key, value] of Object.entries(kwargs)) {
    if (!keys.includes(key)) return invalid(`takes no argument "${key.slice(0, 100)}": only ${keys.join(', ')}`);
    if (named.has(key)) return invalid(`the argument "${key}" came twice`);
    named.set(key, value);
  }
  return Object.fromEntries(named);
}

function readWish(named: Dict, caller: Session, rules: RealmRules): Wish | Fault {
  const { topic, args, kwargs, publish_options: wanted, scope: wantedScope } = named;
  if (typeof topic !== 'string') return invalid('the topic must be a string');
  if (!Array.isArray(args)) return invalid('args must be a list');
  if (!isDict(kwargs)) return invalid('kwargs must be a dict');
  const scope = readScope(wantedScope);
  if (isFault(scope)) return scope;
  const flaw = isReserved(topic) ? 'it begins with "wamp", which is the router\'s' : checkUri(topic, 'exact', rules);
  if (flaw !== undefined) return fault(ErrorUri.INVALID_URI, `the topic is not valid here: ${flaw}`);
  if (wanted !== undefined && wanted !== null && !isDict(wanted)) return invalid('publish_options must be a dict');
  const given = withoutIgnored(wanted ?? NO_DETAILS);
  const options = parsePublishOptions(given);
  if (isFault(options)) return invalid(`publish_options: ${options.message}`);
  const payload = readPayload(args, kwargs, caller, options);
  return isFault(payload) ? payload : { scope, topic, options, given, payload };
}

function withoutIgnored(options: Dict): Dict {
  const kept = Object.entries(options).filter(([key]) => !IGNORED_OPTIONS.has(key));
  return kept.length === 0 ? NO_DETAILS : Object.fromEntries(kept);
}

/** In the serializer of the caller, which can represent all that the caller sends. */
function readPayload(args: List, kwargs: Dict, caller: Session, { passthru }: PublishOptions): Payload | Fault {
  const made = payloadOf(args, kwargs);
  const bytes = made.in(caller.serializer);
  if (!(bytes instanceof Uint8Array)) return invalid(bytes.message);
  const payload = rawPayload(caller.serializer, made.elementCount, bytes);
  if (passthru?.form === 'ppt' && caller.features.publisher?.has('payload_passthru_mode') !== true)
    return invalid('ppt_scheme needs payload_passthru_mode, which HELLO did not announce for the publisher');
  const carried = carriedPayload('the testament', payload, passthru);
  return isFault(carried) ? invalid(carried.message) : carried;
}

function readScope(scope: unknown): TestamentScope | Fault {
  if (scope === undefined || scope === null) return 'destroyed';
  return scope === 'destroyed' || scope === 'detached' ? scope : invalid('the scope is "destroyed" or "detached"');
}

/** Whether the caller may publish this now, and be disclosed if it asks for that (TST-5, TST-8). */
async function decide(caller: Session, message: Publish, { allowDisclose }: RealmRules): Promise<Decision | Fault> {
  const [, , { discloseMe }, topic] = message;
  let decision: Decision;
  try {
    decision = await caller.mayPublish(message);
  } catch (error) {
    if (!(error instanceof AuthorizationFailedError)) throw error;
    return fault(
      ErrorUri.AUTHORIZATION_FAILED,
      'the router cannot decide now whether this session may publish: try again later',
    );
  }
  if (!decision.allowed)
    return fault(ErrorUri.NOT_AUTHORIZED, `role "${caller.authrole}" may not publish "${topic.slice(0, 100)}"`);
  if (discloseMe && !allowDisclose && !decision.disclose)
    return fault(ErrorUri.DISCLOSE_ME_DISALLOWED, 'disclose_me is not allowed here: leave it out');
  return { ...decision, disclose: discloseMe || decision.disclose };
}

async function stored(write: () => Promise<void>): Promise<Dict | Fault> {
  try {
    await write();
    return NO_DETAILS;
  } catch (cause) {
    if (!(cause instanceof BackplaneUnavailableError)) throw cause;
    return fault(ErrorUri.UNAVAILABLE, UNREACHABLE_NOW);
  }
}

function invalid(why: string): Fault {
  return fault(ErrorUri.INVALID_ARGUMENT, why);
}
