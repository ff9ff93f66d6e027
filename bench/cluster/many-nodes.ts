import { setTimeout as pause } from 'node:timers/promises';
import { monotonicMs, NodeHost } from './node-host.js';
import type { NodeStore } from './node-store.js';

const mostHosts = 4;
const patienceMs = 120_000;
const lookMs = 20;

/** How long the others took to receive that a node is gone, in the order in which they did. */
export type GoneAfterMs = readonly number[];

/** Nodes without clients over one store, several in each process. */
export class ManyNodes {
  readonly store: NodeStore;
  readonly #hosts: NodeHost[] = [];
  #entered = 0;

  private constructor(store: NodeStore) {
    this.store = store;
  }

  /** All nodes know each other. */
  static async start(store: NodeStore, count: number): Promise<ManyNodes> {
    const nodes = new ManyNodes(store);
    try {
      for (let index = 0; index < Math.min(mostHosts, Math.ceil(count / 2)); index += 1)
        nodes.#hosts.push(await NodeHost.start(store.backplane));
      for (let index = 0; index < count; index += 1) await nodes.#enter(nodes.#hosts[index % nodes.#hosts.length]!);
      await nodes.#know(count);
      return nodes;
    } catch (error) {
      await nodes.stop();
      throw error;
    }
  }

  get pids(): readonly number[] {
    return this.#hosts.map(({ pid }) => pid);
  }

  get count(): number {
    return this.#hosts.reduce((sum, { names }) => sum + names.size, 0);
  }

  /** One node begins to want topics that nobody had, all at once. */
  async watch(topicPrefix: string, count: number): Promise<void> {
    const [host] = this.#hosts;
    const [name] = host!.names;
    await host!.watch(name!, topicPrefix, count);
  }

  /** One after the other, a new node enters, and an old one leaves when all others know the new one. */
  async replaceAll(): Promise<void> {
    const { count } = this;
    for (const host of this.#hosts) {
      for (const name of [...host.names]) {
        await this.#enter(host);
        await this.#know(count + 1);
        await host.leave(name);
        await this.#know(count);
      }
    }
  }

  /** The process of a further node is killed when the node has been there for a while. */
  async death(afterMs: number): Promise<GoneAfterMs> {
    const { count } = this;
    const host = await NodeHost.start(this.store.backplane);
    try {
      const name = await this.#enter(host);
      await this.#know(count + 1);
      await pause(afterMs);
      const atMs = monotonicMs();
      await host.kill();
      const times = await this.#gone(name);
      return times.map((time) => time - atMs).sort((one, other) => one - other);
    } finally {
      await host.kill();
    }
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    for (const host of this.#hosts.splice(0)) await host.kill();
  }

  async #enter(host: NodeHost): Promise<string> {
    this.#entered += 1;
    const name = `node-${this.#entered}`;
    await host.enter(name);
    return name;
  }

  async #know(count: number): Promise<void> {
    await this.#until(
      (host) => host.counts(),
      (known) => known === count,
      `the nodes do not all know that they are ${count}`,
    );
  }

  #gone(name: string): Promise<number[]> {
    return this.#until(
      (host) => host.gone(name),
      (time) => time !== null,
      `not all nodes have received that ${name} is gone`,
    );
  }

  async #until(
    ask: (host: NodeHost) => Promise<readonly (number | null)[]>,
    isSo: (value: number | null) => boolean,
    otherwise: string,
  ): Promise<number[]> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const values = (await Promise.all(this.#hosts.map(ask))).flat();
      if (values.every(isSo)) return values.map(Number);
      if (performance.now() > deadline) throw new Error(otherwise);
      await pause(lookMs);
    }
  }
}
