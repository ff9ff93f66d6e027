import type { SessionId, Uri } from '../../wamp/ids.js';
import type { SessionRow, Sessions } from '../session-row.js';
import type { SharedDirectory } from './directory.js';

/** The sessions that the nodes of a hub have. `read` runs a look at the directory once it is possible. */
export class MemorySessions implements Sessions {
  readonly #shared: SharedDirectory;
  readonly #read: <Result>(look: () => Result) => Promise<Result>;

  constructor(shared: SharedDirectory, read: <Result>(look: () => Result) => Promise<Result>) {
    this.#shared = shared;
    this.#read = read;
  }

  get(realm: Uri, session: SessionId): Promise<SessionRow | undefined> {
    return this.#read(() => this.#shared.session(realm, session));
  }

  /** In one part. */
  async *list(realm: Uri, roles?: readonly string[]): AsyncGenerator<readonly SessionRow[]> {
    yield await this.#read(() => this.#shared.sessionsOf(realm, roles));
  }

  count(realm: Uri, roles?: readonly string[]): Promise<number> {
    return this.#read(() => this.#shared.sessionsOf(realm, roles).length);
  }
}
