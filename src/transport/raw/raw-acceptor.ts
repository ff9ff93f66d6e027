import type { Socket } from 'node:net';
import type { ConnectionRefusal } from '../../telemetry/counters.js';
import type { ConnectionSlot } from '../admission.js';
import type { ClientCertificate } from '../client-certificate.js';
import type { ConnectionTraits } from '../connection.js';
import type { ListenerGate } from '../listener-gate.js';
import type { TemporaryRefusal } from '../refusals.js';
import { RemoteAddresses, type RemoteAddress } from '../remote-address.js';
import type { SharedTransport } from '../shared-transport.js';
import { MOST_SENT_BYTES } from './frame-head.js';
import type { RawOptions } from './raw-options.js';
import {
  acceptance,
  errorReply,
  HANDSHAKE_BYTES,
  readHandshake,
  type AnsweredFlaw,
  type HandshakeFlaw,
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
  readonly peer: RemoteAddress;
  /** Called once, when the handshake has arrived. */
  readonly complete: () => void;
}

interface Handshake extends Opening {
  readonly stream: Socket;
  readonly certificate: ClientCertificate | undefined;
  readonly octets: Uint8Array;
  readonly rest: Uint8Array;
}

export interface RawAcceptorOptions extends Pick<RawOptions, 'path' | 'tls' | 'serializers' | 'handshakeTimeoutMs'> {
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

const REFUSAL_BY_FLAW: Readonly<Record<HandshakeFlaw, ConnectionRefusal>> = {
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
    this.#addresses = new RemoteAddresses({ ...options.shared.bounds, trustProxyHeader: 'none' });
  }

  /**
   * A connection was accepted: counts it until its end, which comes soon unless `readHandshake` follows. Undefined: it was
   * refused.
   */
  accepted(socket: Socket): Opening | undefined {
    const { admission } = this.#options.shared;
    const peer = this.#peer(socket);
    const refusal = admission.arrived(peer.key);
    if (refusal !== undefined) {
      this.#count(refusal, peer);
      socket.destroy();
      return undefined;
    }
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      socket.destroy();
    }, this.#options.handshakeTimeoutMs);
    const left = (): void => {
      clearTimeout(timer);
      admission.left(peer.key);
      this.#count(isLate ? 'request_timeout' : 'no_request', peer);
    };
    socket.on('close', left);
    const complete = (): void => {
      clearTimeout(timer);
      socket.off('close', left);
    };
    return { socket, peer, complete };
  }

  /** Reads the handshake. `stream`: the accepted socket, or the one that decrypts it. */
  readHandshake(opening: Opening, stream: Socket, certificate?: ClientCertificate): void {
    const octets = new Uint8Array(HANDSHAKE_BYTES);
    let count = 0;
    const read = (chunk: Buffer): void => {
      const part = chunk.subarray(0, HANDSHAKE_BYTES - count);
      octets.set(part, count);
      count += part.length;
      if (count < HANDSHAKE_BYTES) return;
      stream.off('data', read);
      opening.complete();
      this.#decide({ ...opening, stream, certificate, octets, rest: chunk.subarray(part.length) });
    };
    stream.on('data', read);
  }

  /** All clients of a Unix socket have one name, and each has a key of its own: limits per address do not apply. */
  #peer(socket: Socket): RemoteAddress {
    const { path } = this.#options;
    if (path === undefined) return this.#addresses.peer(socket.remoteAddress ?? '');
    return { text: `unix:${path}`, key: `unix:${++this.#localCount}` };
  }

  #decide({ socket, stream, peer, certificate, octets, rest }: Handshake): void {
    const { shared, gate, serializers, receiveBytes, opened } = this.#options;
    const slot = shared.admission.requested(peer.key, peer.key);
    socket.once('close', () => slot.release());
    const request = readHandshake(octets, serializers);
    if (request.kind === 'flaw') {
      this.#refuse(stream, peer, REFUSAL_BY_FLAW[request.flaw], replyTo(request.flaw));
      return;
    }
    const refusal = this.#refusal(slot);
    if (refusal !== undefined) {
      this.#refuse(stream, peer, refusal, errorReply('connections'));
      return;
    }
    stream.write(acceptance(octets, receiveBytes));
    const { serializer, peerMaxBytes } = request;
    const maxSentBytes = Math.min(peerMaxBytes, MOST_SENT_BYTES);
    const { authMethods } = gate;
    const traits = { transport: 'rawsocket', serializer, isBatched: false, maxSentBytes, certificate } as const;
    const isSecure = this.#options.tls !== undefined;
    opened({ stream, traits: { ...traits, isSecure, authMethods, remoteAddress: peer.text }, rest });
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

  #count(reason: ConnectionRefusal, { text }: RemoteAddress): void {
    const { gate, shared } = this.#options;
    const { logger } = shared;
    gate.refused(reason);
    const fields = { reason, remoteAddress: text };
    // Every port scanner causes these: not worth a line.
    if (reason === 'no_request') logger.debug(fields, 'connection.refused');
    else logger.info(fields, 'connection.refused');
  }
}

function replyTo(flaw: HandshakeFlaw): Uint8Array | undefined {
  return flaw === 'magic' || flaw === 'illegal' ? undefined : errorReply(flaw satisfies AnsweredFlaw);
}
