import type WebSocket from 'ws';
import { createCounters } from '../../src/telemetry/counters.js';
import { ListenerGate } from '../../src/transport/listener-gate.js';
import { PollRoutes, type PollRoutesOptions } from '../../src/transport/longpoll/poll-routes.js';
import { PollServer, type PollTimes } from '../../src/transport/longpoll/poll-server.js';
import { SharedTransport } from '../../src/transport/shared-transport.js';
import { subprotocolsOf } from '../../src/transport/opening/subprotocols.js';
import type { TransportOptions } from '../../src/transport/transport-options.js';
import { UwsServer } from '../../src/transport/uws/uws-server.js';
import type { NodeId } from '../../src/wamp/ids.js';
import { recordingAccept, type RecordingListener } from './listening.js';
import { lpPost, LpSocket, type LpAnswer, type LpOptions } from './lp-socket.js';
import { RecordingLogger } from './recording-logger.js';
import { PeerSocket, TRANSPORT_DEFAULTS } from './uws-scene.js';

export type LpSceneOptions = Partial<
  TransportOptions & PollTimes & Pick<PollRoutesOptions, 'homeOf' | 'bodyTimeoutMs'>
>;

export interface LpPair {
  readonly peer: PeerSocket;
  readonly socket: LpSocket;
  readonly listener: RecordingListener;
}

/** A real server with long-poll on a free port, the listeners of its connections, and clients. */
export class LpScene {
  readonly counters = createCounters();
  readonly log = new RecordingLogger();
  readonly listeners: RecordingListener[] = [];
  readonly shared: SharedTransport;
  readonly polls: PollServer;
  readonly #server: UwsServer;
  readonly #clients: LpSocket[] = [];
  #port = 0;

  private constructor(options: LpSceneOptions) {
    const all = { ...TRANSPORT_DEFAULTS, ...options };
    this.shared = new SharedTransport(all, this.counters, this.log);
    const accept = recordingAccept(this.listeners);
    const { receiveTimeoutMs = 8_000, sessionTimeoutMs = 30_000, maxReceiveBytes = 262_144 } = options;
    const gate = new ListenerGate(all.rules, this.shared);
    this.polls = new PollServer(accept, this.shared);
    const { route } = new PollRoutes({
      path: '/lp',
      node: 'here' as NodeId,
      server: this.polls,
      listener: this.polls.listener(gate, { receiveTimeoutMs, sessionTimeoutMs, maxReceiveBytes }),
      homeOf: options.homeOf ?? (() => nowhere),
      counters: this.counters,
      subprotocols: subprotocolsOf(all.serializers),
      cookie: options.cookie,
      hasLogin: () => Promise.resolve(false),
      isSecure: false,
      keptHeaders: [],
      maxBodyBytes: all.maxMessageBytes * 2,
      bodyTimeoutMs: options.bodyTimeoutMs ?? 10_000,
    });
    this.#server = new UwsServer({ ...all, routes: [route] }, accept, this.shared, gate);
  }

  static async open(options: LpSceneOptions = {}): Promise<LpScene> {
    const scene = new LpScene(options);
    scene.#port = (await scene.#server.start()).port;
    scene.shared.start();
    return scene;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/lp`;
  }

  get port(): number {
    return this.#port;
  }

  /** One request; `path` follows that of long-poll. */
  post(path: string, body: string | Uint8Array = '', headers: Record<string, string> = {}): Promise<LpAnswer> {
    return lpPost(`${this.url}${path}`, body, { headers });
  }

  /** The id of a new transport. */
  async openTransport(subprotocol = 'wamp.2.json'): Promise<string> {
    const { status, body } = await this.post('/open', JSON.stringify({ protocols: [subprotocol] }));
    if (status !== 200) throw new Error(`open: ${status} ${body.toString()}`);
    return (JSON.parse(body.toString()) as { transport: string }).transport;
  }

  /** A client that polls, and the listener at the other end. */
  async connect(subprotocol = 'wamp.2.json', options: LpOptions = {}): Promise<LpPair> {
    const socket = new LpSocket(this.url, subprotocol, options);
    this.#clients.push(socket);
    const peer = new PeerSocket(socket as unknown as WebSocket);
    const before = this.listeners.length;
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return { peer, socket, listener: this.listeners[before]! };
  }

  /** A message that is too long. */
  breakRules(peer: PeerSocket): void {
    peer.send('x'.repeat(TRANSPORT_DEFAULTS.maxMessageBytes + 1));
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.terminate();
    await this.polls.stop();
    await this.#server.stop();
    this.shared.stop();
  }
}

const nowhere: ReturnType<PollRoutesOptions['homeOf']> = {
  receive: (_secret, poll) => {
    poll({ kind: 'unknown' });
    return () => undefined;
  },
  send: () => 'unknown',
  overlong: () => undefined,
  close: () => 'unknown',
};
