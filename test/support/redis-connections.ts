import { setImmediate } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { StoreAccess } from '../../src/backplane/redis/connection/client-options.js';
import { RedisConnections, type ConnectionsOptions } from '../../src/backplane/redis/connection/connections.js';
import type { ConnectionName, Script, StoreNotice } from '../../src/backplane/redis/ports.js';
import { loadScripts, type LoadedScripts } from '../../src/backplane/redis/scripts/loader.js';
import { createClusterCounters } from '../../src/telemetry/cluster-counters.js';
import type { NodeId } from '../../src/wamp/ids.js';

/** Connections that record their commands. */
export class RecordedConnections {
  readonly counters = createClusterCounters();
  readonly notices: StoreNotice[] = [];
  readonly messages: (readonly [channel: string, text: string])[] = [];
  /** `connected`, `disconnected bus` … */
  readonly edges: string[] = [];
  readonly causes: Error[] = [];
  /** The arguments of each `connected`. */
  readonly otherServers: boolean[] = [];
  readonly connections: RedisConnections;
  #onEdge: (() => void)[] = [];

  constructor(
    access: Pick<StoreAccess, 'url'> & Partial<StoreAccess>,
    scripts: LoadedScripts = new Map(),
    more: Partial<ConnectionsOptions> = {},
  ) {
    this.connections = new RedisConnections({
      node: 'a-1' as NodeId,
      access: { connectTimeoutMs: 1_000, commandTimeoutMs: 500, ...access },
      scripts,
      counters: this.counters,
      random: () => 0,
      ...more,
      log: (notice) => this.notices.push(notice),
      events: {
        message: (channel, bytes) => {
          this.messages.push([channel, Buffer.from(bytes).toString('latin1')]);
          this.#wake();
        },
        connected: (isOtherServer) => {
          this.otherServers.push(isOtherServer);
          this.#edge('connected');
        },
        disconnected: (which: ConnectionName, cause) => {
          this.causes.push(cause);
          this.#edge(`disconnected ${which}`);
        },
      },
    });
    onTestFinished(() => this.connections.stop());
  }

  /** Resolves when what was recorded satisfies. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#onEdge.push(resolve));
    await setImmediate();
  }

  /** Resolves when `connected` has been reported so many times. */
  connectedTimes(count: number): Promise<void> {
    return this.until(() => this.edges.filter((edge) => edge === 'connected').length >= count);
  }

  #edge(edge: string): void {
    this.edges.push(edge);
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#onEdge;
    this.#onEdge = [];
    for (const resolve of waiting) resolve();
  }
}

/** A script of a test, as if it were one of `lua/`. */
export function luaScripts(files: Readonly<Record<string, string>>): LoadedScripts {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-lua-'));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  const scripts = loadScripts(pathToFileURL(`${folder}/`));
  rmSync(folder, { recursive: true });
  return scripts;
}

/** A door that lets everything through. */
export function door(file: string): Script<{ keys: string[]; argv: (string | number)[] }, unknown> {
  return { file, encode: (input) => input, decode: (raw) => raw };
}
