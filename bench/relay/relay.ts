import type { HttpRequest, HttpResponse, us_socket_context_t, WebSocket } from 'uWebSockets.js';
import { readSource } from '../load/payload.js';
import { uws } from './library.js';

/**
 * The measure of all figures: a relay on the same uWebSockets.js with the same coalesced writes (all that is due to a
 * connection in one turn leaves under one cork at its end) and no protocol. The URL has what it forwards, and to whom.
 */
type Role = 'subscriber' | 'publisher' | 'caller' | 'callee' | 'idle';

interface Peer {
  readonly role: Role;
  readonly isBinary: boolean;
  /** A publisher's events: these bytes, then the last `tailBytes` of what was published. */
  readonly head: Uint8Array;
  readonly tailBytes: number;
  /** A caller's place, and how far from a message's end a callee's answer names it. */
  readonly index: number;
  readonly stampFromEnd: number;
  socket: WebSocket<Owner> | null;
  due: Uint8Array[];
}

/** The library copies what it is given onto its own object: one reference is all it gets. */
interface Owner {
  readonly peer: Peer;
}

const subscribers: Peer[] = [];
const callees: Peer[] = [];
const callers: (Peer | undefined)[] = [];
let nextCallee = 0;

let touched: Peer[] = [];
let current: Peer | null = null;

function enqueue(peer: Peer, message: Uint8Array): void {
  if (peer.due.length === 0) {
    if (touched.length === 0) setImmediate(flush);
    touched.push(peer);
  }
  peer.due.push(message);
}

function flush(): void {
  const peers = touched;
  touched = [];
  for (const peer of peers) {
    current = peer;
    if (peer.socket !== null) peer.socket.cork(sendDue);
    peer.due = [];
  }
}

function sendDue(): void {
  const { socket, due, isBinary } = current!;
  for (const message of due) {
    if (socket!.send(message, isBinary) === 2) throw new Error('the relay had to drop a message');
  }
}

function receive(from: Peer, message: ArrayBuffer): void {
  switch (from.role) {
    case 'publisher': {
      const event = Buffer.allocUnsafe(from.head.length + from.tailBytes);
      event.set(from.head, 0);
      event.set(new Uint8Array(message, message.byteLength - from.tailBytes), from.head.length);
      for (const subscriber of subscribers) enqueue(subscriber, event);
      return;
    }
    case 'caller':
      nextCallee = (nextCallee + 1) % callees.length;
      enqueue(callees[nextCallee]!, keep(message));
      return;
    case 'callee': {
      const answer = keep(message);
      enqueue(callers[readSource(answer, answer.length - from.stampFromEnd)]!, answer);
      return;
    }
    case 'subscriber':
    case 'idle':
      throw new Error(`a message from ${from.role}`);
  }
}

/** The bytes are the sender's buffer only until the handler returns. */
function keep(message: ArrayBuffer): Uint8Array {
  const copy = Buffer.allocUnsafe(message.byteLength);
  copy.set(new Uint8Array(message), 0);
  return copy;
}

function upgrade(response: HttpResponse, request: HttpRequest, context: us_socket_context_t): void {
  const query = new URLSearchParams(request.getQuery());
  const peer: Peer = {
    role: request.getUrl().slice(1) as Role,
    isBinary: query.get('binary') === '1',
    head: Buffer.from(query.get('head') ?? '', 'hex'),
    tailBytes: Number(query.get('tail') ?? 0),
    index: Number(query.get('index') ?? 0),
    stampFromEnd: Number(query.get('stamp') ?? 0),
    socket: null,
    due: [],
  };
  response.upgrade<Owner>(
    { peer },
    request.getHeader('sec-websocket-key'),
    request.getHeader('sec-websocket-protocol'),
    request.getHeader('sec-websocket-extensions'),
    context,
  );
}

function opened(socket: WebSocket<Owner>): void {
  const peer = socket.getUserData().peer;
  peer.socket = socket;
  if (peer.role === 'subscriber') subscribers.push(peer);
  if (peer.role === 'callee') callees.push(peer);
  if (peer.role === 'caller') callers[peer.index] = peer;
}

function closed(peer: Peer): void {
  peer.socket = null;
  if (peer.role === 'subscriber') subscribers.splice(subscribers.indexOf(peer), 1);
  if (peer.role === 'callee') callees.splice(callees.indexOf(peer), 1);
  if (peer.role === 'caller' && callers[peer.index] === peer) callers[peer.index] = undefined;
}

const limitBytes = 256 * 1024 * 1024;

uws
  .App()
  .ws<Owner>('/*', {
    compression: 0,
    idleTimeout: 0,
    maxPayloadLength: 1024 * 1024,
    maxBackpressure: limitBytes,
    upgrade,
    open: opened,
    message: (socket, message) => receive(socket.getUserData().peer, message),
    close: (socket) => closed(socket.getUserData().peer),
  })
  .listen('127.0.0.1', Number(process.argv[2]), (listening) => {
    if (listening === false) throw new Error(`cannot listen on ${process.argv[2] ?? ''}`);
  });
