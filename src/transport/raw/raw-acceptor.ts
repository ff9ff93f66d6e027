import type { Socket } from 'node:net';
import type { ConnectionRefusal } from '../../telemetry/counters.js';
import type { ConnectionSlot } from '../admission.js';
import type { ConnectionTraits } from '../connection.js';
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
  readonly socket: Socket;
  readonly traits: ConnectionTraits;
  /** Bytes that arrived behind the handshake. */
  readonly rest: Uint8Array;
}

export interface RawAcceptorOptions extends Pick<RawOptions, 'serializers' | 'handshakeTimeoutMs'> {
  /** See `announcedBytes`. */
  readonly receiveBytes: number;
  /** How long a refused client may take to end its side. */
  readonly lingerMs: number;
  readonly shared: SharedTransport;
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

  constructor(options: RawAcceptorOptions) {
    this.#options = options;
    this.#addresses = new RemoteAddresses({ ...options.shared.bounds, trustProxyHeader: 'none' });
  }

  accepted(socket: Socket): void {
    const { admission } = this.#options.shared;
    const peer = this.#addresses.peer(socket.remoteAddress ?? '');
    const refusal = admission.arrived(peer.key);
    if (refusal !== undefined) {
      this.#count(refusal, peer);
      socket.destroy();
      return;
    }
    this.#awaitHandshake(socket, peer);
  }

  #awaitHandshake(socket: Socket, peer: RemoteAddress): void {
    const octets = new Uint8Array(HANDSHAKE_BYTES);
    let count = 0;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      socket.destroy();
    }, this.#options.handshakeTimeoutMs);
    const left = (): void => {
      clearTimeout(timer);
      this.#options.shared.admission.left(peer.key);
      this.#count(isLate ? 'request_timeout' : 'no_request', peer);
    };
    const read = (chunk: Buffer): void => {
      const part = chunk.subarray(0, HANDSHAKE_BYTES - count);
      octets.set(part, count);
      count += part.length;
      if (count < HANDSHAKE_BYTES) return;
      clearTimeout(timer);
      socket.off('data', read).off('close', left);
      this.#decide(socket, peer, octets, chunk.subarray(part.length));
    };
    socket.on('data', read).on('close', left);
  }

  #decide(socket: Socket, peer: RemoteAddress, octets: Uint8Array, rest: Uint8Array): void {
    const { shared, serializers, receiveBytes, opened } = this.#options;
    const slot = shared.admission.requested(peer.key, peer.key);
    socket.once('close', () => slot.release());
    const handshake = readHandshake(octets, serializers);
    if (handshake.kind === 'flaw') {
      this.#refuse(socket, peer, REFUSAL_BY_FLAW[handshake.flaw], replyTo(handshake.flaw));
      return;
    }
    const refusal = this.#refusal(slot);
    if (refusal !== undefined) {
      this.#refuse(socket, peer, refusal, errorReply('connections'));
      return;
    }
    socket.write(acceptance(octets, receiveBytes));
    const { serializer, peerMaxBytes } = handshake;
    const maxSentBytes = Math.min(peerMaxBytes, MOST_SENT_BYTES);
    const remoteAddress = peer.text;
    opened({
      socket,
      traits: { transport: 'rawsocket', serializer, isBatched: false, maxSentBytes, remoteAddress },
      rest,
    });
  }

  #refusal(slot: ConnectionSlot): ConnectionRefusal | undefined {
    return this.#options.closedFor() ?? this.#options.shared.admission.admit(slot);
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
    const { counters, logger } = this.#options.shared;
    counters.connectionsRefused[reason]++;
    const fields = { reason, remoteAddress: text };
    // Every port scanner causes these: not worth a line.
    if (reason === 'no_request') logger.debug(fields, 'connection.refused');
    else logger.info(fields, 'connection.refused');
  }
}

function replyTo(flaw: HandshakeFlaw): Uint8Array | undefined {
  return flaw === 'magic' || flaw === 'illegal' ? undefined : errorReply(flaw satisfies AnsweredFlaw);
}
