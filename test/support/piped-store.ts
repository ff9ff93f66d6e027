import { BackplaneUnavailableError } from '../../src/backplane/backplane.js';
import { NotCarriedOutError, type Script, type Store } from '../../src/backplane/redis/ports.js';
import type { VirtualTime } from '../simulation/virtual-time.js';
import type { RealmTwin } from './realm-twin.js';

const SCAN_COUNT = 3;

/** Runs actions in the order in which they were sent, each after a delay of its own. */
export class Pipe {
  readonly #time: VirtualTime;
  readonly #delayMs: () => number;
  #lastAtMs = 0;
  #held: (() => void)[] | undefined;

  constructor(time: VirtualTime, delayMs: () => number) {
    this.#time = time;
    this.#delayMs = delayMs;
  }

  send(action: () => void): void {
    const time = this.#time;
    this.#lastAtMs = Math.max(this.#lastAtMs, time.nowMs + this.#delayMs());
    time.after(this.#lastAtMs - time.nowMs, () => {
      if (this.#held === undefined) action();
      else this.#held.push(action);
    });
  }

  /** Keeps actions that are due until `release`. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const action of held) action();
  }
}

/** A node's connection to the store: commands pass through `up`, their replies through `down`. */
export class PipedStore implements Store {
  readonly #twin: RealmTwin;
  readonly #up: Pipe;
  readonly #down: Pipe;
  readonly #isCut: () => boolean;
  #generation = 0;
  #missingCount = 0;
  #pending = new Set<(cause: Error) => void>();

  constructor(twin: RealmTwin, pipes: { readonly up: Pipe; readonly down: Pipe }, isCut: () => boolean) {
    this.#twin = twin;
    this.#up = pipes.up;
    this.#down = pipes.down;
    this.#isCut = isCut;
  }

  /** Rejects all commands under way, and drops their replies. */
  disconnect(): void {
    this.#generation++;
    const pending = this.#pending;
    this.#pending = new Set();
    for (const reject of pending) reject(new BackplaneUnavailableError('connection lost'));
  }

  /** The store carries out none of the next steps of this node: somebody has flushed its scripts. */
  loseScripts(count: number): void {
    this.#missingCount = count;
  }

  run<Input, Reply>(script: Script<Input, Reply>, input: Input): Promise<Reply> {
    const { keys, argv } = script.encode(input);
    return this.#ask(() => {
      if (this.#missingCount > 0) {
        this.#missingCount--;
        throw new NotCarriedOutError(script.file);
      }
      return script.decode(this.#twin.eval(script.file, keys, argv));
    });
  }

  scanSet(key: string): AsyncGenerator<readonly string[]> {
    return this.#scan(
      () => this.#twin.members(key),
      (member) => member,
    );
  }

  scanHash(key: string): AsyncGenerator<readonly (readonly [field: string, value: Buffer])[]> {
    return this.#scan(
      () => this.#twin.fields(key),
      ([field]) => field,
    );
  }

  async *#scan<T>(read: () => readonly T[], same: (one: T) => unknown): AsyncGenerator<readonly T[]> {
    const first = await this.#ask(read);
    // A scan of one part returns what it has read.
    if (first.length <= SCAN_COUNT) {
      yield first;
      return;
    }
    for (let at = 0; at < first.length; at += SCAN_COUNT) {
      const part = first.slice(at, at + SCAN_COUNT).map(same);
      yield await this.#ask(() => read().filter((one) => part.includes(same(one))));
    }
  }

  #ask<T>(act: () => T): Promise<T> {
    if (this.#isCut()) return Promise.reject(new BackplaneUnavailableError('not connected'));
    const generation = this.#generation;
    return new Promise<T>((resolve, reject) => {
      this.#pending.add(reject);
      this.#up.send(() => {
        if (generation !== this.#generation) return;
        let reply: { readonly value: T } | { readonly cause: Error };
        try {
          reply = { value: act() };
        } catch (cause) {
          reply = { cause: cause as Error };
        }
        this.#down.send(() => {
          if (generation !== this.#generation) return;
          this.#pending.delete(reject);
          if ('value' in reply) resolve(reply.value);
          else reject(reply.cause);
        });
      });
    });
  }
}
