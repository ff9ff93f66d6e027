import type { TemplatedApp } from 'uWebSockets.js';

/** Missing in the library's types of the oldest version, which has it. */
interface ParentApp extends TemplatedApp {
  getDescriptor(): unknown;
  addChildAppDescriptor(descriptor: unknown): void;
  removeChildAppDescriptor(descriptor: unknown): void;
}

/** An app with one certificate, and how many WebSockets it has. */
export interface CertificateApp {
  readonly app: TemplatedApp;
  readonly sockets: { count: number };
}

/** The longest time until a request that came before the change has its answer, or was given up. */
const REQUESTS_MS = 75_000;
/** Certificates before the current one whose connections are still open. */
const MAX_OLD = 16;

/**
 * The certificates of one port. The first app listens for as long as the server does, and hands each new connection to the
 * app of the newest certificate: the port is never closed, and old connections keep their certificate.
 */
export class UwsCertificates {
  readonly #root: ParentApp;
  #current: CertificateApp | undefined;
  /** Oldest first. */
  readonly #old = new Map<CertificateApp, NodeJS.Timeout>();

  constructor(root: TemplatedApp) {
    this.#root = root as ParentApp;
  }

  /** New connections get the certificate of this app. */
  use(next: CertificateApp): void {
    const before = this.#current;
    this.#root.addChildAppDescriptor((next.app as ParentApp).getDescriptor());
    this.#current = next;
    if (before === undefined) return;
    this.#root.removeChildAppDescriptor((before.app as ParentApp).getDescriptor());
    this.#retire(before);
    const [oldest] = this.#old.keys();
    if (this.#old.size > MAX_OLD && oldest !== undefined) this.#close(oldest);
  }

  close(): void {
    for (const old of [...this.#old.keys()]) this.#close(old);
    this.#root.close();
    this.#current?.app.close();
  }

  #retire(one: CertificateApp): void {
    const timer = setInterval(() => {
      if (one.sockets.count === 0) this.#close(one);
    }, REQUESTS_MS);
    this.#old.set(one, timer.unref());
  }

  #close(one: CertificateApp): void {
    clearInterval(this.#old.get(one));
    this.#old.delete(one);
    one.app.close();
  }
}
