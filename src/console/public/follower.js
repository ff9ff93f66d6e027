import { readEvent } from './wamp.js';

/** Pauses between two readings of a list. Events may be lost, so a list that must be exact is read again also where they come. */
const PAUSES_MS = { live: 30_000, polled: 5_000 };
/** Above this number of entries the pauses are longer: the list is large. */
const MANY = 10_000;
const LONG_PAUSES_MS = { live: 300_000, polled: 60_000 };

/**
 * Keeps the entries of a list view as the router has them: by events where the router announces and the role may receive them, and by
 * reading the list again.
 * `about`: `feature` of the router's `role` that announces the events; `topics`, each with what its event does; `list(session)`, which
 * resolves with the ids.
 */
export class Follower {
  #view;
  #about;
  #session;
  #isLive = false;
  #isShown = false;
  #timer;
  #loadedMs = -Infinity;

  constructor(view, about) {
    this.#view = view;
    this.#about = about;
  }

  async begin(session) {
    this.#session = session;
    this.#loadedMs = -Infinity;
    this.#view.clear();
    this.#isLive = await this.#subscribe(session);
    if (this.#session === session && this.#isShown) void this.#load();
  }

  end() {
    this.#session = undefined;
    clearTimeout(this.#timer);
    this.#view.clear();
  }

  show(isShown) {
    this.#isShown = isShown;
    this.#view.show(isShown);
    if (isShown && performance.now() - this.#loadedMs > this.#pauseMs()) void this.#load();
  }

  /** Something else that the rows depend on has changed. */
  refresh() {
    this.#view.changed();
  }

  #pauseMs() {
    const pauses = this.#view.entries.size > MANY ? LONG_PAUSES_MS : PAUSES_MS;
    return this.#isLive ? pauses.live : pauses.polled;
  }

  /** False: not all events come. */
  async #subscribe(session) {
    const { role, feature, topics } = this.#about;
    if (session.details.roles?.[role]?.features?.[feature] !== true) return false;
    const asked = Object.entries(topics).map(([topic, happened]) =>
      session.subscribe(
        topic,
        {},
        (text) => {
          happened(readEvent(text).args, this.#view.entries);
          this.#view.changed();
        },
        () => (this.#isLive = false),
      ),
    );
    const settled = await Promise.allSettled(asked);
    return settled.every(({ status }) => status === 'fulfilled');
  }

  /** While the list is hidden it is not read again. */
  async #load() {
    clearTimeout(this.#timer);
    const session = this.#session;
    if (session === undefined) return;
    this.#loadedMs = performance.now();
    try {
      await this.#view.entries.load(() => this.#about.list(session));
      this.#view.setProblem('');
    } catch (error) {
      if (this.#session === session) this.#view.setProblem(error.message);
    }
    if (this.#session !== session) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#isShown && !document.hidden) void this.#load();
      else this.#loadedMs = -Infinity;
    }, this.#pauseMs());
  }
}
