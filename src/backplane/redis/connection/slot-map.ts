import type { ServerAddress } from './client-options.js';
import { SLOT_COUNT, slotOf } from './slots.js';
import type { StoreConnection } from './store-connection.js';

/** Which primary of a Redis Cluster owns each slot, as one of its servers knows it. */
export class SlotMap {
  /** Index: slot. `host:port` */
  readonly #owners: readonly string[];
  readonly #addresses: ReadonlyMap<string, ServerAddress>;

  private constructor(owners: readonly string[], addresses: ReadonlyMap<string, ServerAddress>) {
    this.#owners = owners;
    this.#addresses = addresses;
  }

  /**
   * Reads the reply of CLUSTER SLOTS; `asked` is the host of the server that sent it. Throws TypeError for anything else, and Error
   * when a slot has no owner.
   */
  static parse(reply: unknown, asked: string): SlotMap {
    if (!Array.isArray(reply)) throw new TypeError('CLUSTER SLOTS: its reply is no list');
    const owners = new Array<string>(SLOT_COUNT).fill('');
    const addresses = new Map<string, ServerAddress>();
    for (const range of reply as readonly unknown[]) {
      const { first, last, host, port } = readRange(range, asked);
      const name = `${host}:${port}`;
      addresses.set(name, { host, port });
      owners.fill(name, first, last + 1);
    }
    const missing = owners.reduce((count, owner) => count + (owner === '' ? 1 : 0), 0);
    if (missing > 0)
      throw new Error(
        `${missing} of ${SLOT_COUNT} slots of the Redis Cluster have no server: run redis-cli --cluster check`,
      );
    return new SlotMap(owners, addresses);
  }

  /** The key is `host:port`. */
  get primaries(): ReadonlyMap<string, ServerAddress> {
    return this.#addresses;
  }

  /** `host:port` of the primary that owns the slot of the key or channel. */
  ownerOf(name: string): string {
    return this.#owners[slotOf(name)] ?? '';
  }

  /** The slots that another server owns there, each with its owner here. Empty: both are the same. */
  movedSince(before: SlotMap): MovedSlots {
    const moved = new Map<number, string>();
    if (before === this) return moved;
    for (const [slot, owner] of this.#owners.entries()) if (owner !== before.#owners[slot]) moved.set(slot, owner);
    return moved;
  }

  /** Whether these slots have the same owners here; `only`: those that this server owns. */
  agreesOn(moved: MovedSlots, only?: string): boolean {
    for (const [slot, owner] of moved) if ((only ?? owner) === owner && this.#owners[slot] !== owner) return false;
    return true;
  }
}

/** Slots with `host:port` of the server that owns them now. */
export type MovedSlots = ReadonlyMap<number, string>;

interface Range {
  readonly first: number;
  readonly last: number;
  readonly host: string;
  readonly port: number;
}

function readRange(range: unknown, asked: string): Range {
  const [first, last, primary] = Array.isArray(range) ? (range as unknown[]) : [];
  const [host, port] = Array.isArray(primary) ? (primary as unknown[]) : [];
  if (!isSlot(first) || !isSlot(last) || first > last || !Number.isSafeInteger(port))
    throw new TypeError('CLUSTER SLOTS: its reply has another shape');
  // No host stands for the server that was asked, and `?` for a name that this server does not know.
  if (host === '?') throw new Error('a server of the Redis Cluster has no name: set cluster-announce-hostname');
  const isNamed = typeof host === 'string' && host !== '';
  return { first, last, host: isNamed ? host : asked, port: port as number };
}

function isSlot(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < SLOT_COUNT;
}

/** Asks one server. Rejects as `parse` throws, and with StoreReplyError. */
export async function readSlotMap(connection: StoreConnection, asked: string): Promise<SlotMap> {
  return SlotMap.parse(await connection.ask((client) => client.call('CLUSTER', 'SLOTS')), asked);
}
