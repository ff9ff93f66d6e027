import type { Socket } from 'node:net';
import type { ConnectionRefusal } from '../../telemetry/counters.js';
import type { ConnectionSlot } from '../bounds/admission.js';
import type { ConnectionTraits } from '../connection.js';
import type { ListenerGate } from '../listener-gate.js';
import type { SilentRefusal, TemporaryRefusal } from '../opening/refusals.js';
import { RemoteAddresses, type RemoteAddress } from '../opening/remote-address.js';
import type { SharedTransport } from '../shared-transport.js';
import { MOST_SENT_BYTES } from './frame-head.js';
import { readProxyHeader } from './proxy-header.js';
import type { RawOptions } from './raw-options.js';
import {
  acceptance,
  rawErrorReply,
  HANDSHAKE_BYTES,
  readHandshake,
  type AnsweredFlaw,
  type RawHandshakeFlaw,
} from './raw-handshake.js';

/** A client that has completed the handshake. */
export interface AcceptedClient {
  readonly stream: Socket;
  readonly traits: ConnectionTraits;
  /** Bytes that arrived behind the handshake. */
  readonly rest: Uint8Array;
}

/** An accepted connection without a handshake. */
export interface Opening {
  readonly socket: Socket;
  /** The address that a proxy names, else that of the other end. */
  readonly client: RemoteAddress;
  /** Key that counts the connection before its handshake. Undefined: it comes from a proxy. */
  readonly key: string | undefined;
  /** Called once, when the handshake has arrived. */
  readonly complete: () => void;
  /** Ends the connection without an answer. `message`: for the log. */
  readonly refuse: (reason: SilentRefusal, message: string) => void;
}

/** The facts that TLS has established. */
type SecureTraits = Pick<ConnectionTraits, 'certificate' | 'channelId'>;

interface Handshake extends Opening {
  readonly stream: Socket;
  readonly secureTraits: SecureTraits;
  readonly octets: Uint8Array;
  readonly rest: Uint8Array;
}

export interface RawAcceptorOptions extends Pick<
  RawOptions,
  'path' | 'tls' | 'serializers' | 'handshakeTimeoutMs' | 'proxyProtocol'
> {
  /** See `announcedBytes`. */
  readonly receiveBytes: number;
  /** How long a refused client may take to end its side. */
  readonly lingerMs: number;
  readonly shared: SharedTransport;
  readonly gate: ListenerGate;
  /** Why no client may connect for now. */
  readonly closedFor: () => TemporaryRefusal | undefined;
  readonly opened: (client: AcceptedClient) => void;
}

const NOTHING = Buffer.alloc(0);

const REFUSAL_BY_FLAW: Readonly<Record<RawHandshakeFlaw, ConnectionRefusal>> = {
  magic: 'malformed_handshake',
  illegal: 'malformed_handshake',
  reserved: 'malformed_handshake',
  serializer: 'subprotocol',
};

/**
 * Handles everything before a RawSocket connection opens: counts each connection from its accept to its end, reads the
 * handshake octet by octet, and decides which succeed. Refusals are counted by reason.
 */
export class RawAcceptor {
  readonly #options: RawAcceptorOptions;
  readonly #addresses: RemoteAddresses;
  #localCount = 0;

  constructor(options: RawAcceptorOptions) {
    this.#options = options;
    const { shared, proxyProtocol } = options;
    this.#addresses = new RemoteAddresses({
      ...shared.bounds,
      trustProxyHeader: proxyProtocol === undefined ? 'none' : 'x-forwarded-for',
      trustedProxies: proxyProtocol?.trustedProxies ?? [],
    });
  }

  /**
   * A connection was accepted: counts it until its end, which comes soon unless `readHandshake` follows. Undefined: it was
   * refused.
   */
  accepted(socket: Socket): Opening | undefined {
    const { admission } = this.#options.shared;
    const peer = this.#peer(socket);
    const key = this.#addresses.isProxy(peer) ? undefined : peer.key;
    const refusal = admission.arrived(key);
    if (refusal !== undefined) {
      this.#count(refusal, peer);
      socket.destroy();
      return undefined;
    }
    let end: { readonly reason: SilentRefusal; readonly message?: string } = { reason: 'no_request' };
    const timer = setTimeout(() => {
      end = { reason: 'request_timeout' };
      socket.destroy();
    }, this.#options.handshakeTimeoutMs);
    const left = (): void => {
      clearTimeout(timer);
      admission.left(key);
      this.#count(end.reason, peer, end.message);
    };
    socket.on('close', left);
    const complete = (): void => {
      clearTimeout(timer);
      socket.off('close', left);
    };
    const refuse = (reason: SilentRefusal, message: string): void => {
      end = { reason, message };
      socket.destroy();
    };
    return { socket, client: peer, key, complete, refuse };
  }

  /**
   * Reads the PROXY header, if the other end is a proxy that is trusted. `next` gets the opening with the address of the
   * client, and the bytes that came behind the header. Not called where there is no header: the connection is closed.
   */
  readProxyHeader(opening: Opening, next: (opening: Opening, rest: Buffer) => void): void {
    const { socket, key, refuse } = opening;
    if (key !== undefined) {
      next(opening, NOTHING);
      return;
    }
    let arrived = NOTHING;
    const read = (chunk: Buffer): void => {
      arrived = Buffer.concat([arrived, chunk]);
      const header = readProxyHeader(arrived);
      if (header.kind === 'incomplete') return;
      socket.off('data', read);
      if (header.kind === 'flaw') {
        refuse('proxy_header', header.flaw);
        return;
      }
      const { source, bytes } = header;
      const client = source === undefined ? opening.client : this.#addresses.peer(source);
      next({ ...opening, client }, arrived.subarray(bytes));
    };
    socket.on('data', read);
  }

  /** Reads the handshake. `stream`: the accepted socket, or the one that decrypts it. `first`: bytes that it has brought. */
  readHandshake(opening: Opening, stream: Socket, secureTraits: SecureTraits = {}, first: Buffer = NOTHING): void {
    const octets = new Uint8Array(HANDSHAKE_BYTES);
    let count = 0;
    const read = (chunk: Buffer): void => {
      const part = chunk.subarray(0, HANDSHAKE_BYTES - count);
      octets.set(part, count);
      count += part.length;
      if (count < HANDSHAKE_BYTES) return;
      stream.off('data', read);
      opening.complete();
      this.#decide({ ...opening, stream, secureTraits, octets, rest: chunk.subarray(part.length) });
    };
    stream.on('data', read);
    if (first.length > 0) read(first);
  }

  /** All clients of a Unix socket have one name, and each has a key of its own: limits per address do not apply. */
  #peer(socket: Socket): RemoteAddress {
    const { path } = this.#options;
    if (path === undefined) return this.#addresses.peer(socket.remoteAddress ?? '');
    return { text: `unix:${path}`, key: `unix:${++this.#localCount}` };
  }

  #decide({ socket, stream, client, key, secureTraits, octets, rest }: Handshake): void {
    const { shared, gate, serializers, receiveBytes, opened } = this.#options;
    const slot = shared.admission.requested(key, client.key);
    socket.once('close', () => slot.release());
    const request = readHandshake(octets, serializers);
    if (request.kind === 'flaw') {
      this.#refuse(stream, client, REFUSAL_BY_FLAW[request.flaw], replyTo(request.flaw));
      return;
    }
    const refusal = this.#refusal(slot);
    if (refusal !== undefined) {
      this.#refuse(stream, client, refusal, rawErrorReply('connections'));
      return;
    }
    stream.write(acceptance(octets, receiveBytes));
    const { serializer, peerMaxBytes } = request;
    const maxSentBytes = Math.min(peerMaxBytes, MOST_SENT_BYTES);
    const { authMethods } = gate;
    const traits = { transport: 'rawsocket', serializer, isBatched: false, maxSentBytes, ...secureTraits } as const;
    const isSecure = this.#options.tls !== undefined;
    opened({ stream, traits: { ...traits, isSecure, authMethods, remoteAddress: client.text }, rest });
  }

  #refusal(slot: ConnectionSlot): ConnectionRefusal | undefined {
    return this.#options.closedFor() ?? this.#options.gate.admit(slot);
  }

  #refuse(socket: Socket, peer: RemoteAddress, reason: ConnectionRefusal, reply: Uint8Array | undefined): void {
    this.#count(reason, peer);
    if (reply === undefined) {
      socket.destroy();
      return;
    }
    socket.end(reply);
    socket.resume();
    const linger = setTimeout(() => socket.destroy(), this.#options.lingerMs);
    socket.once('close', () => clearTimeout(linger));
  }

  #count(reason: ConnectionRefusal, { text }: RemoteAddress, message?: string): void {
    const { gate, shared } = this.#options;
    const { logger } = shared;
    gate.refused(reason);
    const fields = { reason, remoteAddress: text, ...(message === undefined ? {} : { message }) };
    // Every port scanner causes these: not worth a line.
    if (reason === 'no_request') logger.debug(fields, 'connection.refused');
    else logger.info(fields, 'connection.refused');
  }
}

function replyTo(flaw: RawHandshakeFlaw): Uint8Array | undefined {
  return flaw === 'magic' || flaw === 'illegal' ? undefined : rawErrorReply(flaw satisfies AnsweredFlaw);
}
