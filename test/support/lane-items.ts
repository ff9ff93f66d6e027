import type { LaneItem } from '../../src/backplane/wire/format.js';
import { payloadOf } from '../../src/codec/payload.js';
import type { Frame } from '../../src/routing/frames.js';
import type { Publication } from '../../src/routing/ports.js';
import type { NodeId, PublicationId, RegistrationId, SessionId } from '../../src/wamp/ids.js';
import type { Payload } from '../../src/wamp/payload.js';

export const A = 'a-0b41c5f6' as NodeId;
export const B = 'b-73d1e2a9' as NodeId;
export const C = 'c-9921f0c3' as NodeId;

export const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

export function publicationOf(overrides: Partial<Publication> = {}): Publication {
  return {
    id: 6_131_533_012_345_678 as PublicationId,
    topic: 'com.example.topic',
    payload: payloadOf(['hello']),
    publisher: { session: 5_512_315_355 as SessionId, authid: 'somebody', authrole: 'anonymous' },
    excludePublisher: true,
    disclosePublisher: false,
    ...overrides,
  };
}

/** A frame of each kind, about a call of `node`. */
export function framesOf(node: NodeId): Frame[] {
  const call = { node, number: 17 };
  const passthru = { form: 'ppt', details: { ppt_scheme: 'x_custom', ppt_keyid: 'k1' } } as const;
  const payload = payloadOf([1], { a: 'b' });
  const invoke = {
    kind: 'invoke',
    call,
    registration: 4_503_599_627_370_497 as RegistrationId,
    callee: 9_007_199_254_740_991 as SessionId,
    procedure: 'com.example.procedure',
    caller: { session: 77 as SessionId, authid: 'caller', authrole: 'user' },
    discloseCaller: true,
    receiveProgress: false,
    progress: true,
    timeoutMs: 1_500,
    payload,
  } as const;
  return [
    invoke,
    { ...invoke, discloseCaller: false, receiveProgress: true, progress: false, timeoutMs: 0, passthru },
    { ...invoke, trace: TRACE },
    { ...invoke, trustLevel: 3 },
    { kind: 'continue', call, progress: true, payload },
    { kind: 'continue', call, progress: false, payload },
    { kind: 'cancel', call, mode: 'skip' },
    { kind: 'cancel', call, mode: 'kill' },
    { kind: 'cancel', call, mode: 'killnowait' },
    { kind: 'result', call, progress: true, payload },
    { kind: 'result', call, progress: false, passthru, payload },
    { kind: 'failure', call, cause: 'callee', error: 'com.example.error', passthru, payload },
    ...(['unavailable', 'gone', 'busy', 'unreachable', 'left', 'canceled', 'refused'] as const).map((cause): Frame => ({
      kind: 'failure',
      call,
      cause,
      error: 'wamp.error.canceled',
      payload,
    })),
    { kind: 'lost' },
  ];
}

/** An item as plain values, to be compared. */
export function plainItem(item: LaneItem): unknown {
  switch (item.kind) {
    case 'publication':
      return { ...item, publication: plain(item.publication) };
    case 'frame':
      return { ...item, frame: 'payload' in item.frame ? plain(item.frame) : item.frame };
    case 'question':
    case 'answer':
      return { ...item, body: Buffer.from(item.body).toString('hex') };
    default:
      return item;
  }
}

function plain(value: { readonly payload: Payload; readonly audience?: Publication['audience'] }): unknown {
  const { payload, audience, ...rest } = value;
  const { serializer, elementCount, bytes } = payload;
  const lists = Object.entries(audience ?? {}).map(([name, list]) => [name, [...(list as Iterable<unknown>)]]);
  return {
    ...rest,
    ...(audience !== undefined && { audience: Object.fromEntries(lists) as unknown }),
    payload: { serializer, elementCount, bytes: Buffer.from(bytes).toString('hex') },
  };
}
