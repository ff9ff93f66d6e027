/** A promise that its owner settles. */
export class Deferred<T = void> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (cause: Error) => void;

  constructor() {
    let resolve!: (value: T) => void;
    let reject!: (cause: Error) => void;
    this.promise = new Promise((resolved, rejected) => {
      resolve = resolved;
      reject = rejected;
    });
    this.resolve = resolve;
    this.reject = reject;
  }

  /** A rejection that nobody handles ends no process: it may be that nobody waits. */
  ignoreRejection(): this {
    this.promise.catch(() => undefined);
    return this;
  }
}
