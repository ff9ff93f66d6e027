import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Activity } from './activity.js';
import type { Flood } from './attacks.js';
import { clientFrame } from './frame-template.js';
import type { Endpoint } from './endpoint.js';
import type { Outcome, Plan } from './job.js';

/** Unsent bytes of one attacker before it waits for its socket. */
const queueBytes = 262_144;
const againMs = 50;

/** Connections that do one hostile thing as fast as they can. One that the router cuts comes back at once. */
export class Attackers implements Activity {
  readonly #endpoint: Endpoint;
  readonly #attack: Flood;
  readonly #sockets = new Set<Socket>();
  #block: Buffer = Buffer.alloc(0);
  #end: () => void = () => undefined;
  #isAttacking = false;
  #writtenBytes = 0;
  #cutCount = 0;

  constructor(endpoint: Endpoint, attack: Flood) {
    this.#endpoint = endpoint;
    this.#attack = attack;
  }

  async open(): Promise<void> {
    this.#block = this.#attack.block(this.#endpoint);
    this.#end = (await this.#attack.prepare?.(this.#endpoint)) ?? this.#end;
  }

  /** `messages` are the bytes that the sockets took, `sent` how often the router cut a connection. Each run has new connections. */
  async run({ measureMs }: Plan): Promise<Outcome> {
    const startMs = performance.now();
    const [writtenBefore, cutBefore] = [this.#writtenBytes, this.#cutCount];
    this.#isAttacking = true;
    for (let index = 0; index < this.#attack.connections; index += 1) this.#connect();
    await pause(measureMs);
    this.#isAttacking = false;
    const seconds = (performance.now() - startMs) / 1_000;
    for (const socket of this.#sockets) socket.destroy();
    const messages = this.#writtenBytes - writtenBefore;
    return { messages, seconds, cpuSeconds: null, sent: this.#cutCount - cutBefore, latency: null };
  }

  verify(): Promise<void> {
    return Promise.resolve();
  }

  remoteProgress(): void {
    throw new Error('attackers receive nothing that counts');
  }

  close(): Promise<void> {
    this.#isAttacking = false;
    for (const socket of this.#sockets) socket.destroy();
    this.#end();
    return Promise.resolve();
  }

  #connect(): void {
    if (!this.#isAttacking) return;
    const { hostname, port, pathname } = new URL(this.#endpoint.url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      if (!this.#isAttacking) return;
      this.#cutCount += 1;
      setTimeout(() => this.#connect(), againMs);
    });
    socket.on('connect', () => {
      if (!this.#attack.isWebSocket) this.#begin(socket);
      else socket.write(upgradeRequest(hostname, pathname));
    });
    if (this.#attack.isWebSocket) socket.once('data', () => this.#upgraded(socket));
    if (this.#attack.reads) socket.on('data', () => undefined);
  }

  #upgraded(socket: Socket): void {
    if (!this.#attack.reads) socket.pause();
    if (this.#attack.joins) {
      const hello = [1, this.#endpoint.realm, { roles: { publisher: {}, caller: {}, subscriber: {}, callee: {} } }];
      socket.write(clientFrame(0x81, Buffer.from(JSON.stringify(hello))));
    }
    this.#begin(socket);
  }

  #begin(socket: Socket): void {
    const first = this.#attack.first?.();
    if (first !== undefined) socket.write(first);
    this.#press(socket);
  }

  #press(socket: Socket): void {
    if (!this.#isAttacking || socket.destroyed) return;
    const { everyMs } = this.#attack;
    if (socket.writableLength < queueBytes) {
      socket.write(this.#block);
      this.#writtenBytes += this.#block.length;
    }
    if (everyMs !== undefined) setTimeout(() => this.#press(socket), everyMs);
    else if (socket.writableLength < queueBytes) setImmediate(() => this.#press(socket));
    else socket.once('drain', () => this.#press(socket));
  }
}

function upgradeRequest(host: string, path: string): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Protocol: wamp.2.json',
    '\r\n',
  ].join('\r\n');
}
