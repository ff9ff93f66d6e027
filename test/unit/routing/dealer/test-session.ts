import { expect } from 'vitest';
import { payloadOf } from '../../../../src/codec/payload.js';
import { Code } from '../../../../src/wamp/codes.js';
import type { FeatureKey } from '../../../../src/wamp/features.js';
import type { Peer } from '../../../../src/routing/peer.js';
import type { RegistrationId, RequestId, SessionId, Uri } from '../../../../src/wamp/ids.js';
import type { RouterMessage } from '../../../../src/wamp/messages.js';
import type {
  CallOptions,
  CancelMode,
  ErrorOptions,
  RegisterOptions,
  YieldOptions,
} from '../../../../src/wamp/options.js';
import type { Payload } from '../../../../src/wamp/payload.js';
import { testPeer } from '../../../support/recording-outlet.js';
import type { HarnessNode } from './harness-node.js';

export const ALL_FEATURES: readonly FeatureKey[] = [
  'call_canceling',
  'call_reroute',
  'call_timeout',
  'payload_passthru_mode',
  'progressive_call_invocations',
  'progressive_call_results',
  'registration_revocation',
];

/** A client: numbers its requests, and records the messages it receives in the shape of the wire. */
export class TestSession {
  readonly node: HarnessNode;
  readonly peer: Peer;
  readonly received: unknown[][] = [];
  lastRequest = 0;
  /** Called with each message that the session receives. */
  onMessage: ((message: RouterMessage) => void) | undefined;
  #taken = 0;

  constructor(node: HarnessNode, features: readonly FeatureKey[]) {
    const all = new Set(features);
    this.node = node;
    this.peer = testPeer({ features: { caller: all, callee: all } });
    node.open.set(this.peer, this);
  }

  get id(): SessionId {
    return this.peer.session;
  }

  get isOpen(): boolean {
    return this.node.open.has(this.peer);
  }

  receive(message: RouterMessage): void {
    this.received.push(onWire(message));
    this.onMessage?.(message);
  }

  /** The messages received since the last call. */
  take(): unknown[][] {
    const since = this.received.slice(this.#taken);
    this.#taken = this.received.length;
    return since;
  }

  /** Sends REGISTER and leaves the answer where it is. */
  register(procedure: Uri, options: Partial<RegisterOptions> = {}, mayDisclose = true): number {
    const request = ++this.lastRequest;
    this.node.dealer.register(
      this.peer,
      [
        Code.REGISTER,
        request as RequestId,
        {
          match: 'exact',
          invoke: 'single',
          discloseCaller: false,
          forwardTimeout: false,
          forceReregister: false,
          ...options,
        },
        procedure,
      ],
      mayDisclose,
    );
    this.#settle();
    return request;
  }

  /** Sends REGISTER and takes REGISTERED. */
  registered(procedure: Uri, options: Partial<RegisterOptions> = {}): RegistrationId {
    const request = this.register(procedure, options);
    this.node.cluster.flush();
    const [reply] = this.take();
    expect(reply).toEqual([Code.REGISTERED, request, expect.any(Number)]);
    return reply![2] as RegistrationId;
  }

  unregister(registration: RegistrationId): number {
    const request = ++this.lastRequest;
    this.node.dealer.unregister(this.peer, [Code.UNREGISTER, request as RequestId, registration]);
    this.#settle();
    return request;
  }

  call(procedure: Uri, options: Partial<CallOptions> = {}, args: unknown[] = [], disclose = false): number {
    const request = ++this.lastRequest;
    this.callAs(request, procedure, options, args, { disclose });
    return request;
  }

  callWith(procedure: Uri, payload: Payload): number {
    const request = ++this.lastRequest;
    const options = { timeoutMs: 0, receiveProgress: false, progress: false, discloseMe: false };
    this.node.dealer.call(this.peer, [Code.CALL, request as RequestId, options, procedure, payload], false, false);
    this.#settle();
    return request;
  }

  /** Sends CALL with a given request id. */
  callAs(
    request: number,
    procedure: Uri,
    options: Partial<CallOptions> = {},
    args: unknown[] = [],
    { disclose = false, isContinuation = false } = {},
  ): void {
    this.node.dealer.call(
      this.peer,
      [
        Code.CALL,
        request as RequestId,
        { timeoutMs: 0, receiveProgress: false, progress: false, discloseMe: false, ...options },
        procedure,
        payloadOf(args),
      ],
      disclose,
      isContinuation,
    );
    this.#settle();
  }

  continueCall(request: number, procedure: Uri, options: Partial<CallOptions> = {}, args: unknown[] = []): void {
    this.callAs(request, procedure, options, args, { isContinuation: true });
  }

  cancel(request: number, mode: CancelMode): void {
    this.node.dealer.cancel(this.peer, [Code.CANCEL, request as RequestId, { mode }]);
    this.#settle();
  }

  yield(request: number, args: unknown[] = [], options: Partial<YieldOptions> = {}): void {
    this.node.dealer.yield(this.peer, [
      Code.YIELD,
      request as RequestId,
      { progress: false, ...options },
      payloadOf(args),
    ]);
    this.#settle();
  }

  error(request: number, error: Uri, args: unknown[] = [], options: ErrorOptions = {}): void {
    this.node.dealer.error(this.peer, [
      Code.ERROR,
      Code.INVOCATION,
      request as RequestId,
      options,
      error,
      payloadOf(args),
    ]);
    this.#settle();
  }

  leave(): void {
    if (!this.node.open.delete(this.peer)) return;
    this.node.dealer.leave(this.peer);
    this.#settle();
  }

  #settle(): void {
    this.node.cluster.settle();
  }
}

/** The elements of a message, with the payload's elements in place of the payload. */
export function onWire(message: RouterMessage): unknown[] {
  const elements: unknown[] = [...message];
  const last = elements.at(-1);
  if (typeof last !== 'object' || last === null || !('elementCount' in last)) return elements;
  const { bytes } = last as Payload;
  return [...elements.slice(0, -1), ...(JSON.parse(`[${Buffer.from(bytes).toString()}]`) as unknown[])];
}
