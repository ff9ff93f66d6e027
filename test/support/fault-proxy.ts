import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './free-port.js';

/** Which connections a fault is for, by the name they give themselves; absent: all, those to come included. */
export type Which = 'bus' | 'directory' | 'subscriber';
/** Absent: both. */
export type Way = 'to-store' | 'to-node';

interface Fault {
  readonly kind: 'delay' | 'hold' | 'blackhole' | 'throttle' | 'cut';
  readonly which: Which | undefined;
  readonly way: Way | undefined;
  /** Milliseconds, or bytes per second. */
  readonly amount: number;
  /** Absent: also those to come. */
  readonly only?: ReadonlySet<Line>;
}

/** A TCP proxy on 127.0.0.1 that does to the connections through it what networks do. Faults add up until `heal`. */
export async function startFaultProxy(storePort: number): Promise<FaultProxy> {
  const proxy = new FaultProxy(storePort, await freePort());
  await proxy.listen();
  return proxy;
}

export class FaultProxy {
  readonly port: number;
  readonly url: string;
  readonly #storePort: number;
  readonly #lines = new Set<Line>();
  #faults: Fault[] = [];
  #server: Server | undefined;

  constructor(storePort: number, port: number) {
    this.#storePort = storePort;
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
  }

  async listen(): Promise<void> {
    this.#server = createServer((socket) => this.#accept(socket)).listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** Names of the connections open now. */
  get names(): readonly (Which | undefined)[] {
    return [...this.#lines].map(({ name }) => name);
  }

  /** Bytes on their way over these connections. */
  waitingBytes(which: Which): number {
    return [...this.#lines].reduce((sum, line) => sum + (line.name === which ? line.waitingBytes : 0), 0);
  }

  /** Everything arrives this much later, in order. */
  delay(ms: number, which?: Which, way?: Way): void {
    this.#faults.push({ kind: 'delay', which, way, amount: ms });
  }

  /** Nothing arrives until `heal`, then all of it: as a network that stalls, and takes no more once its buffers are full. */
  hold(which?: Which, way?: Way): void {
    this.#faults.push({ kind: 'hold', which, way, amount: 0 });
  }

  /** As `hold`, but connections to come are not held: as a network that delivers late. */
  holdPresent(which?: Which, way?: Way): void {
    this.#faults.push({ kind: 'hold', which, way, amount: 0, only: new Set(this.#lines) });
  }

  /** Bytes are lost and sockets stay open, also when the other side closes; `heal` resets those that lost some. */
  blackhole(which?: Which, way?: Way): void {
    this.#faults.push({ kind: 'blackhole', which, way, amount: 0 });
  }

  throttle(bytesPerSecond: number, which?: Which, way?: Way): void {
    this.#faults.push({ kind: 'throttle', which, way, amount: bytesPerSecond });
  }

  /** Resets connections, and new ones at once until `heal`. The port stays its own: another program could take a free one. */
  cut(which?: Which): Promise<void> {
    this.#faults.push({ kind: 'cut', which, way: undefined, amount: 0 });
    this.reset(which);
    return Promise.resolve();
  }

  /** Resets connections; new ones are welcome. */
  reset(which?: Which): void {
    for (const line of this.#lines) if (which === undefined || line.name === which) line.reset();
  }

  heal(): Promise<void> {
    this.#faults = [];
    for (const line of this.#lines) line.heal();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.reset();
    await this.#close();
  }

  #accept(node: Socket): void {
    if (this.#faults.some(({ kind, which }) => kind === 'cut' && which === undefined)) {
      node.on('error', () => undefined);
      node.resetAndDestroy();
      return;
    }
    const line: Line = new Line(node, connect(this.#storePort, '127.0.0.1'), {
      fault: (kind, way) => this.#faultOf(kind, way, line),
      onOver: () => this.#lines.delete(line),
    });
    this.#lines.add(line);
  }

  #faultOf(kind: Fault['kind'], way: Way, line: Line): number | undefined {
    const applies = (fault: Fault): boolean =>
      fault.kind === kind &&
      (fault.only?.has(line) ?? true) &&
      (fault.which === undefined || fault.which === line.name) &&
      (fault.way === undefined || fault.way === way);
    return this.#faults.find(applies)?.amount;
  }

  async #close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    await closed;
  }
}

interface LineOptions {
  readonly fault: (kind: Fault['kind'], way: Way) => number | undefined;
  readonly onOver: () => void;
}

class Line {
  name: Which | undefined;
  readonly #node: Socket;
  readonly #store: Socket;
  readonly #pipes: readonly Pipe[];

  constructor(node: Socket, store: Socket, options: LineOptions) {
    this.#node = node;
    this.#store = store;
    const toStore = new Pipe(node, store, (kind) => options.fault(kind, 'to-store'));
    const toNode = new Pipe(store, node, (kind) => options.fault(kind, 'to-node'));
    this.#pipes = [toStore, toNode];
    node.on('data', (bytes) => {
      this.#readName(bytes);
      if (options.fault('cut', 'to-store') !== undefined) this.reset();
      else toStore.push(bytes);
    });
    store.on('data', (bytes) => toNode.push(bytes));
    for (const [socket, pipe] of [
      [node, toStore],
      [store, toNode],
    ] as const) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        pipe.end();
        if (node.destroyed && store.destroyed) options.onOver();
      });
    }
  }

  get waitingBytes(): number {
    return this.#pipes.reduce((sum, pipe) => sum + pipe.waitingBytes, 0);
  }

  reset(): void {
    for (const socket of [this.#node, this.#store]) {
      if (socket.connecting) socket.destroy();
      else if (!socket.destroyed) socket.resetAndDestroy();
    }
  }

  heal(): void {
    if (this.#pipes.some((pipe) => pipe.hasLost)) this.reset();
    else for (const pipe of this.#pipes) pipe.pump();
  }

  #readName(bytes: Buffer): void {
    if (this.name !== undefined) return;
    const [, name] = /gantry:[^\r\n]*:(bus|directory|subscriber)\r\n/.exec(bytes.toString('latin1')) ?? [];
    this.name = name as Which | undefined;
  }
}

/** What a pipe that is held takes from its sender. */
const MAX_HELD_BYTES = 1_048_576;

/** One way of a line. */
class Pipe {
  hasLost = false;
  waitingBytes = 0;
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #fault: (kind: Fault['kind']) => number | undefined;
  readonly #waiting: { readonly bytes: Buffer; readonly dueMs: number }[] = [];
  #freeAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;

  constructor(from: Socket, to: Socket, fault: (kind: Fault['kind']) => number | undefined) {
    this.#from = from;
    this.#to = to;
    this.#fault = fault;
  }

  push(bytes: Buffer): void {
    if (this.#fault('blackhole') !== undefined) {
      this.hasLost = true;
      return;
    }
    const nowMs = performance.now();
    const bytesPerSecond = this.#fault('throttle');
    if (bytesPerSecond !== undefined)
      this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + (bytes.length / bytesPerSecond) * 1_000;
    this.#waiting.push({ bytes, dueMs: Math.max(nowMs + (this.#fault('delay') ?? 0), this.#freeAtMs) });
    this.waitingBytes += bytes.length;
    this.pump();
  }

  /** The sender has closed. */
  end(): void {
    this.#hasEnded = true;
    this.pump();
  }

  pump(): void {
    clearTimeout(this.#timer);
    if (this.#fault('hold') !== undefined) {
      if (this.waitingBytes > MAX_HELD_BYTES) this.#from.pause();
      return;
    }
    this.#from.resume();
    for (;;) {
      const [head] = this.#waiting;
      if (head === undefined) break;
      const waitMs = head.dueMs - performance.now();
      // Timers may be early by a fraction.
      if (waitMs > 0.5 && (this.#fault('delay') ?? this.#fault('throttle')) !== undefined) {
        this.#timer = setTimeout(() => this.pump(), waitMs);
        return;
      }
      this.#waiting.shift();
      this.waitingBytes -= head.bytes.length;
      this.#to.write(head.bytes);
    }
    if (!this.#hasEnded) return;
    if (this.#fault('blackhole') === undefined) this.#to.destroySoon();
    else this.hasLost = true;
  }
}
