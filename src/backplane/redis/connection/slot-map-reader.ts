import { clientOptions, parseAddress, secretsOf, type ServerAddress, type StoreAccess } from './client-options.js';
import { NO_CLUSTER_MODE, remedyFor, StoreUnusableError } from './store-errors.js';
import { StoreConnection, type ReplyMonitor } from './store-connection.js';
import { readSlotMap, type SlotMap } from './slot-map.js';

/** Its replies are not counted as those of a request. */
const MONITOR: ReplyMonitor = { roundTrip: () => undefined, timeout: () => undefined };

/** Reads the slots of a Redis Cluster from the servers that are known, beginning with another one each time. */
export class SlotMapReader {
  readonly #access: StoreAccess;
  #readCount = 0;

  constructor(access: StoreAccess) {
    this.#access = access;
  }

  /** Asks one server after the other. Rejects when none replies; with StoreUnusableError when all give the same reply again. */
  async read(known: Iterable<ServerAddress>): Promise<SlotMap> {
    const seeds = (this.#access.cluster?.nodes ?? []).map((node) => parseAddress(node, 6_379));
    const all = [...known, ...seeds];
    const first = this.#readCount++;
    const failures = new Map<string, Error>();
    for (let at = 0; at < all.length; at++) {
      const address = all[(first + at) % all.length] as ServerAddress;
      const name = 'host' in address ? `${address.host}:${address.port}` : address.path;
      try {
        return await this.readFrom(address);
      } catch (error) {
        failures.set(name, error as Error);
      }
    }
    throw summaryOf(failures);
  }

  /** Asks this server. */
  async readFrom(address: ServerAddress): Promise<SlotMap> {
    const { connectTimeoutMs, commandTimeoutMs } = this.#access;
    const connection = new StoreConnection({
      client: clientOptions(this.#access, address),
      commandTimeoutMs,
      secrets: secretsOf(this.#access),
      onEnd: () => undefined,
      monitor: MONITOR,
    });
    try {
      await connection.open(connectTimeoutMs);
      return await readSlotMap(connection, 'host' in address ? address.host : '');
    } finally {
      void connection.close();
    }
  }
}

function summaryOf(failures: ReadonlyMap<string, Error>): Error {
  const remedies = new Set([...failures.values()].map(remedyOf));
  const [remedy] = remedies;
  if (remedies.size === 1 && remedy !== undefined) return new StoreUnusableError(remedy);
  const all = [...failures].map(([name, { message }]) => `${name}: ${message}`).join('; ');
  return new Error(`no server of the Redis Cluster names the owners of the slots (${all})`);
}

function remedyOf(error: Error): string | undefined {
  if (error instanceof StoreUnusableError) return error.message;
  if (/cluster support disabled/i.test(error.message)) return NO_CLUSTER_MODE;
  return remedyFor(error);
}
