import type { SessionDetails } from '../../../src/backplane/session-row.js';
import { deriveId } from '../../../src/routing/derived-id.js';
import type { CancelFrame, Frame } from '../../../src/routing/frames.js';
import type { Claim, Publication } from '../../../src/routing/ports.js';
import type { Identity } from '../../../src/routing/peer.js';
import type { NodeId, PublicationId, RegistrationId, SessionId, Uri } from '../../../src/wamp/ids.js';
import { ListedIds } from '../../../src/wamp/session-ids.js';
import type { Payload } from '../../../src/wamp/payload.js';

export const REALM = 'realm.one';
export const OTHER_REALM = 'realm.two';

// Above every number a test counts by itself.
let nextId = 1_000_000;

export function freshSessionId(): SessionId {
  return nextId++ as SessionId;
}

export function payloadOf(value: unknown): Payload {
  const bytes = Buffer.from(JSON.stringify([value]));
  return {
    serializer: 'json',
    elementCount: 1,
    byteLength: 0,
    bytes,
    in: (serializer) =>
      serializer === 'json' ? bytes : { kind: 'untranscodable', message: 'a sample exists in JSON only' },
  };
}

export function identityOf(session: SessionId = freshSessionId()): Identity {
  return { session, authid: `authid-${session}`, authrole: 'anonymous' };
}

export function sessionOf(session: SessionId = freshSessionId(), authrole = 'anonymous'): SessionDetails {
  const transport = { type: 'websocket', protocol: 'wamp.2.json', serializer: 'json', peer: '127.0.0.1' };
  return { ...identityOf(session), authrole, authmethod: 'anonymous', authprovider: 'static', transport };
}

export function publicationOf(topic: Uri, overrides: Partial<Publication> = {}): Publication {
  return {
    id: nextId++ as PublicationId,
    topic,
    payload: payloadOf(topic),
    publisher: identityOf(),
    excludePublisher: true,
    disclosePublisher: false,
    ...overrides,
  };
}

export function cancelOf(node: NodeId, number: number = nextId++): CancelFrame {
  return { kind: 'cancel', call: { node, number }, mode: 'kill' };
}

/** One frame of each kind, with everything a frame can carry. */
export function framesOf(node: NodeId): Frame[] {
  const call = { node, number: nextId++ };
  const passthru = { form: 'ppt', details: { ppt_scheme: 'x_custom', ppt_keyid: 'k1' } } as const;
  const registration = 4_503_599_627_370_497 as RegistrationId;
  const invoke = {
    kind: 'invoke',
    call,
    registration,
    callee: 9_007_199_254_740_991 as SessionId,
    procedure: 'com.example.procedure',
    caller: identityOf(),
    discloseCaller: true,
    receiveProgress: true,
    progress: false,
    timeoutMs: 1_500,
    payload: payloadOf({ x: 1 }),
  } as const;
  return [
    invoke,
    { ...invoke, passthru, trace: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
    { kind: 'continue', call, progress: true, payload: payloadOf('chunk') },
    { kind: 'cancel', call, mode: 'skip' },
    { kind: 'cancel', call, mode: 'killnowait' },
    { kind: 'result', call, progress: true, payload: payloadOf(1) },
    { kind: 'result', call, progress: false, passthru, payload: payloadOf(2) },
    { kind: 'failure', call, cause: 'callee', error: 'com.example.error', payload: payloadOf('why') },
    { kind: 'failure', call, cause: 'gone', error: 'wamp.error.canceled', passthru, payload: payloadOf('why') },
    { kind: 'lost' },
  ];
}

export function claimOf(node: NodeId, procedure: Uri, overrides: Partial<Claim> & { session?: SessionId } = {}): Claim {
  const { session = freshSessionId(), ...rest } = overrides;
  const match = rest.match ?? 'exact';
  return {
    registration: deriveId(REALM, match, procedure, 0) as RegistrationId,
    procedure,
    match,
    invoke: 'single',
    callee: { node, session, discloseCaller: false, forwardTimeout: false },
    force: false,
    ...rest,
  };
}

/** What of a value every backplane must bring over: functions are the receiver's own. */
export function transferred(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Set || value instanceof ListedIds) return [...(value as Iterable<unknown>)].sort();
  if (Array.isArray(value)) return value.map(transferred);
  if (typeof value !== 'object' || value === null) return value;
  if (isPayload(value)) {
    const { serializer, elementCount, bytes } = value;
    return { serializer, elementCount, bytes: transferred(bytes) };
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => typeof field !== 'function')
      .map(([key, field]) => [key, transferred(field)]),
  );
}

function isPayload(value: object): value is Payload {
  return 'serializer' in value && 'elementCount' in value;
}
