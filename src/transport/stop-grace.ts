const GRACE_MS = 1_000;

/** The second in which the connections of a server that stops may end by themselves. */
export class StopGrace {
  #allEnded: (() => void) | undefined;

  /** Resolves with `allEnded`. `cut`: called when the second is over; it ends the connections that are left. */
  wait(cut: () => void): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(cut, GRACE_MS);
      this.#allEnded = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** No connection is left. */
  allEnded(): void {
    this.#allEnded?.();
  }
}
