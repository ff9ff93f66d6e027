/** Gives the place back. */
export type Release = () => void;

interface Subject {
  count: number;
  readonly waiting: (() => void)[];
}

/**
 * Bounds attempts that are decided at the same time. A failure counts only once it is known, so a client that makes many attempts
 * at once would otherwise pass the bound on failures. Each step is O(1), however many wait.
 */
export class AttemptsUnderWay {
  readonly #subjects = new Map<string, Subject>();

  /** A place at once, or once an attempt of the same key ends and fewer than `max()` are under way: asked again each time. */
  enter(key: string, max: () => number): Release | Promise<Release> {
    const subject = this.#subjects.get(key) ?? { count: 0, waiting: [] };
    this.#subjects.set(key, subject);
    if (subject.count < Math.max(1, max())) {
      subject.count++;
      return () => this.#leave(key, subject);
    }
    return new Promise<void>((resolve) => void subject.waiting.push(resolve)).then(() => this.enter(key, max));
  }

  #leave(key: string, subject: Subject): void {
    subject.count--;
    const next = subject.waiting.shift();
    if (next !== undefined) next();
    else if (subject.count === 0) this.#subjects.delete(key);
  }
}
