import { expect, onTestFinished } from 'vitest';
import { Code } from '../../../src/wamp/codes.js';
import { RawClient } from '../../support/raw-client.js';
import { within } from './wait.js';

const LISTED_MS = 10_000;

/** What one session receives about the others, while it keeps a presence list as docs/meta-api.md has it. */
export class MetaRecord {
  readonly #client: RawClient;
  readonly #joined: number[] = [];
  readonly #left: number[] = [];
  readonly #present = new Set<number>();
  readonly #results = new Map<number, number[]>();

  private constructor(client: RawClient) {
    this.#client = client;
  }

  static async at(url: string): Promise<MetaRecord> {
    const client = await RawClient.join(url);
    onTestFinished(() => client.drop());
    const record = new MetaRecord(client);
    const joined = await client.subscribe('wamp.session.on_join');
    await client.subscribe('wamp.session.on_leave');
    void record.#receive(joined);
    for (const id of await record.#list()) if (!record.#left.includes(id)) record.#present.add(id);
    return record;
  }

  /** Each session has joined once and left once, and the list is that of the router (SMA-2, SMA-5). Ends the record. */
  async expectOnce(): Promise<void> {
    await within(LISTED_MS, 'the presence list is that of the router', async () => {
      const listed = await this.#list();
      return listed.length === this.#present.size && listed.every((id) => this.#present.has(id));
    });
    for (const sessions of [this.#joined, this.#left]) expect(sessions).toEqual([...new Set(sessions)]);
    this.#client.drop();
  }

  async #list(): Promise<number[]> {
    const request = this.#client.call('wamp.session.list');
    let listed: number[] | undefined;
    await within(LISTED_MS, 'the router lists its sessions', () => {
      listed = this.#results.get(request);
      return listed !== undefined;
    });
    return listed ?? [];
  }

  async #receive(joined: number): Promise<void> {
    for (;;) {
      const message = await this.#client.receive().catch(() => undefined);
      if (message === undefined) return;
      if (message[0] === Code.RESULT) this.#results.set(message[1] as number, (message[3] as [number[]])[0]);
      // A list that needed an answer of the others, which could not be reached.
      if (message[0] === Code.ERROR) this.#results.set(message[2] as number, []);
      if (message[0] === Code.EVENT) this.#note(message[1] === joined, (message[4] as [unknown])[0]);
    }
  }

  #note(isJoined: boolean, about: unknown): void {
    if (isJoined) {
      const { session } = about as { session: number };
      this.#joined.push(session);
      this.#present.add(session);
    } else {
      this.#left.push(about as number);
      this.#present.delete(about as number);
    }
  }
}
