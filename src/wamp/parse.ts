import { Code } from './codes.js';
import { isDict, isPortableText, own, returnedId } from './dict.js';
import { isFault, violation, type Fault } from './faults.js';
import { isId, type RegistrationId, type RequestId, type SubscriptionId } from './ids.js';
import type { ClientMessage } from './messages.js';
import { checkKeys, KnownKeys } from './option-keys.js';
import type { Passthru } from './options.js';
import type { OpaqueKind, Payload, PayloadShape } from './payload.js';
import { parseHelloDetails } from './parse-hello.js';
import {
  parseCallOptions,
  parseCancelOptions,
  parseErrorOptions,
  parsePublishOptions,
  parseRegisterOptions,
  parseSubscribeOptions,
  parseYieldOptions,
} from './parse-options.js';

type Header = readonly unknown[];

/**
 * Checks the shape of one message of a client and reads its options. Whatever is wrong is a violation that names the
 * message and the element (MSG-1 to MSG-11, PV-2, PV-3, PV-6). URIs are strings here; their rules come later.
 */
export function parseMessage(header: Header, payload: Payload, shape: PayloadShape): ClientMessage | Fault {
  switch (header[0]) {
    case Code.PUBLISH:
      return parsePublish(header, payload, shape);
    case Code.CALL:
      return parseCall(header, payload, shape);
    case Code.YIELD:
      return parseYield(header, payload, shape);
    case Code.ERROR:
      return parseError(header, payload, shape);
    case Code.SUBSCRIBE:
      return parseSubscribe(header);
    case Code.UNSUBSCRIBE:
      return parseUnsubscribe(header);
    case Code.REGISTER:
      return parseRegister(header);
    case Code.UNREGISTER:
      return parseUnregister(header);
    case Code.CANCEL:
      return parseCancel(header);
    case Code.HELLO:
      return parseHello(header);
    case Code.AUTHENTICATE:
      return parseAuthenticate(header);
    case Code.GOODBYE:
      return parseGoodbye(header);
    case Code.ABORT:
      return parseAbort(header);
    default:
      return refuseCode(header);
  }
}

function parsePublish(header: Header, payload: Payload, shape: PayloadShape): ClientMessage | Fault {
  if (header.length !== 4) return wrongLength('PUBLISH', '4 to 6');
  const [, request, dict, topic] = header;
  if (!isId(request)) return notAnId('PUBLISH.Request');
  const options = parsePublishOptions(dict);
  if (isFault(options)) return options;
  if (typeof topic !== 'string') return violation('PUBLISH.Topic must be a string');
  const carried = checkPayload('PUBLISH', payload, shape, options.passthru);
  return isFault(carried) ? carried : [Code.PUBLISH, request as RequestId, options, topic, carried];
}

function parseCall(header: Header, payload: Payload, shape: PayloadShape): ClientMessage | Fault {
  if (header.length !== 4) return wrongLength('CALL', '4 to 6');
  const [, request, dict, procedure] = header;
  if (!isId(request)) return notAnId('CALL.Request');
  const options = parseCallOptions(dict);
  if (isFault(options)) return options;
  if (typeof procedure !== 'string') return violation('CALL.Procedure must be a string');
  const carried = checkPayload('CALL', payload, shape, options.passthru);
  return isFault(carried) ? carried : [Code.CALL, request as RequestId, options, procedure, carried];
}

function parseYield(header: Header, payload: Payload, shape: PayloadShape): ClientMessage | Fault {
  if (header.length !== 3) return wrongLength('YIELD', '3 to 5');
  const [, request, dict] = header;
  if (!isId(request)) return notAnId('YIELD.INVOCATION.Request');
  const options = parseYieldOptions(dict);
  if (isFault(options)) return options;
  const carried = checkPayload('YIELD', payload, shape, options.passthru);
  return isFault(carried) ? carried : [Code.YIELD, request as RequestId, options, carried];
}

function parseError(header: Header, payload: Payload, shape: PayloadShape): ClientMessage | Fault {
  if (header.length !== 5) return wrongLength('ERROR', '5 to 7');
  const [, type, request, dict, error] = header;
  if (type !== Code.INVOCATION) return violation('ERROR.REQUEST.Type must be 68 (INVOCATION) when a client sends it');
  if (!isId(request)) return notAnId('ERROR.REQUEST.Request');
  const options = parseErrorOptions(dict);
  if (isFault(options)) return options;
  if (typeof error !== 'string') return violation('ERROR.Error must be a string');
  const carried = checkPayload('ERROR', payload, shape, options.passthru);
  return isFault(carried) ? carried : [Code.ERROR, Code.INVOCATION, request as RequestId, options, error, carried];
}

function parseSubscribe(header: Header): ClientMessage | Fault {
  if (header.length !== 4) return wrongLength('SUBSCRIBE', '4');
  const [, request, dict, topic] = header;
  if (!isId(request)) return notAnId('SUBSCRIBE.Request');
  const options = parseSubscribeOptions(dict);
  if (isFault(options)) return options;
  if (typeof topic !== 'string') return violation('SUBSCRIBE.Topic must be a string');
  return [Code.SUBSCRIBE, request as RequestId, options, topic];
}

function parseUnsubscribe(header: Header): ClientMessage | Fault {
  const [, request, subscription, options] = header;
  if (header.length !== 3 && !(header.length === 4 && isDict(options))) return wrongLength('UNSUBSCRIBE', '3');
  if (!isId(request)) return notAnId('UNSUBSCRIBE.Request');
  const id = returnedId(subscription);
  if (id === undefined) return notAnId('UNSUBSCRIBE.SUBSCRIBED.Subscription');
  return [Code.UNSUBSCRIBE, request as RequestId, id as SubscriptionId];
}

function parseRegister(header: Header): ClientMessage | Fault {
  if (header.length !== 4) return wrongLength('REGISTER', '4');
  const [, request, dict, procedure] = header;
  if (!isId(request)) return notAnId('REGISTER.Request');
  const options = parseRegisterOptions(dict);
  if (isFault(options)) return options;
  if (typeof procedure !== 'string') return violation('REGISTER.Procedure must be a string');
  return [Code.REGISTER, request as RequestId, options, procedure];
}

function parseUnregister(header: Header): ClientMessage | Fault {
  const [, request, registration, options] = header;
  if (header.length !== 3 && !(header.length === 4 && isDict(options))) return wrongLength('UNREGISTER', '3');
  if (!isId(request)) return notAnId('UNREGISTER.Request');
  const id = returnedId(registration);
  if (id === undefined) return notAnId('UNREGISTER.REGISTERED.Registration');
  return [Code.UNREGISTER, request as RequestId, id as RegistrationId];
}

function parseCancel(header: Header): ClientMessage | Fault {
  if (header.length !== 3) return wrongLength('CANCEL', '3');
  const [, request, dict] = header;
  if (!isId(request)) return notAnId('CANCEL.CALL.Request');
  const options = parseCancelOptions(dict);
  return isFault(options) ? options : [Code.CANCEL, request as RequestId, options];
}

/** No realm (null) is the empty realm: its refusal is not a matter of shape (SES-9). */
function parseHello(header: Header): ClientMessage | Fault {
  if (header.length !== 3) return wrongLength('HELLO', '3');
  const realm = header[1] ?? '';
  if (typeof realm !== 'string') return violation('HELLO.Realm must be a string');
  const details = parseHelloDetails(header[2]);
  return isFault(details) ? details : [Code.HELLO, realm, details];
}

function parseAuthenticate(header: Header): ClientMessage | Fault {
  if (header.length !== 3) return wrongLength('AUTHENTICATE', '3');
  const [, signature, extra] = header;
  if (!isPortableText(signature))
    return violation('AUTHENTICATE.Signature must be a string of well-formed Unicode that does not begin with U+0000');
  if (!isDict(extra)) return violation('AUTHENTICATE.Extra must be a dict');
  return [Code.AUTHENTICATE, signature, extra];
}

function parseGoodbye(header: Header): ClientMessage | Fault {
  if (header.length !== 3) return wrongLength('GOODBYE', '3');
  const [, details, reason] = header;
  if (!isDict(details)) return violation('GOODBYE.Details must be a dict');
  if (typeof reason !== 'string') return violation('GOODBYE.Reason must be a string');
  const seen = checkKeys('GOODBYE.Details', details, KnownKeys.GOODBYE);
  return isFault(seen) ? seen : [Code.GOODBYE, details, reason];
}

/** ABORT may carry a payload (MSG-11). It ends the session whatever else it contains, so no more is checked. */
function parseAbort(header: Header): ClientMessage | Fault {
  if (header.length < 3 || header.length > 5) return wrongLength('ABORT', '3 to 5');
  const [, details, reason] = header;
  if (!isDict(details)) return violation('ABORT.Details must be a dict');
  if (typeof reason !== 'string') return violation('ABORT.Reason must be a string');
  return [Code.ABORT, details, reason];
}

/**
 * Arguments is a list and ArgumentsKw a dict (MSG-3). One byte string in place of the list only with enc_algo (PPT-5); with ppt_scheme
 * one opaque item alone (PPT-2).
 */
function checkPayload(
  message: string,
  payload: Payload,
  shape: PayloadShape,
  passthru: Passthru | undefined,
): Payload | Fault {
  switch (shape) {
    case 'none':
    case 'args':
    case 'args+kwargs':
      return carriedPayload(message, payload, passthru);
    case 'bytes':
      if (passthru?.form === 'enc') return payload;
      return violation(
        `${message}.Arguments must be a list (one byte string in its place is possible only with enc_algo)`,
      );
    case 'malformed':
      return violation(`${message}.Arguments must be a list and ${message}.ArgumentsKw a dict, and nothing may follow`);
  }
}

/** The payload in the form in which passthru carries it (PPT-2). Arguments is a list and ArgumentsKw a dict. */
export function carriedPayload(message: string, payload: Payload, passthru: Passthru | undefined): Payload | Fault {
  return passthru?.form === 'ppt' ? checkOpaque(message, payload, passthru) : payload;
}

const BYTES: readonly OpaqueKind[] = ['bytes'];
/** The form that a client's serializer may write: wampy and others put the arguments into one dict. */
const NATIVE: readonly OpaqueKind[] = ['bytes', 'dict'];

function checkOpaque(message: string, payload: Payload, { details }: Passthru): Payload | Fault {
  const isNative = (own(details, 'ppt_serializer') ?? 'native') === 'native';
  const demand =
    'must carry one byte string in Arguments (with the serializer "native", or none, one dict), and no ArgumentsKw';
  return payload.opaque?.(isNative ? NATIVE : BYTES) ?? violation(`${message} with ppt_scheme ${demand}`);
}

function refuseCode(header: Header): Fault {
  const code = header[0];
  if (header.length === 0) return violation('a message must not be an empty list');
  if (typeof code !== 'number' || !Number.isInteger(code) || code < 0) {
    return violation('the first element of a message must be its type code, a non-negative integer');
  }
  const name = ROUTER_ONLY.get(code);
  if (name !== undefined) return violation(`${name} is sent by routers only`);
  if (code >= 256 && code <= 1023) return violation(`message type ${code}: extension not implemented`);
  return violation(`there is no message type ${code}`);
}

const ROUTER_ONLY: ReadonlyMap<number, string> = new Map(
  (
    [
      'WELCOME',
      'CHALLENGE',
      'PUBLISHED',
      'SUBSCRIBED',
      'UNSUBSCRIBED',
      'EVENT',
      'RESULT',
      'REGISTERED',
      'UNREGISTERED',
      'INVOCATION',
      'INTERRUPT',
    ] as const
  ).map((name) => [Code[name], name]),
);

function wrongLength(message: string, elements: string): Fault {
  return violation(`${message} must have ${elements} elements`);
}

function notAnId(element: string): Fault {
  return violation(`${element} must be an id (an integer from 1 to 2^53)`);
}
