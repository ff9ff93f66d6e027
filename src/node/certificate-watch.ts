import { stat } from 'node:fs/promises';

export interface CertificateWatchOptions {
  /** The files of the certificate at this moment; none without TLS. */
  readonly files: () => readonly string[];
  /** The files have changed since the last look. */
  readonly changed: () => void;
}

/** Looks rather than waits for events: a renewal may replace a folder that a link points to, as cert-manager does. */
const LOOK_MS = 5_000;

/** Watches the files of a certificate. */
export class CertificateWatch {
  readonly #options: CertificateWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  #seen: string | undefined;
  #isLooking = false;
  #isStopped = false;

  constructor(options: CertificateWatchOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#options.files().length === 0) return;
    void this.#look();
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** `changed` is not called any more, also by a look that has begun. */
  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const files = this.#options.files();
    if (this.#isLooking || files.length === 0) return;
    this.#isLooking = true;
    const states = await Promise.all(files.map(stateOf));
    this.#isLooking = false;
    if (this.#isStopped) return;
    const now = states.join(' ');
    const before = this.#seen;
    this.#seen = now;
    if (before !== undefined && before !== now) this.#options.changed();
  }
}

/** Differs when the file was written or replaced. */
async function stateOf(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeMs } = await stat(file);
    return `${file} ${dev} ${ino} ${size} ${mtimeMs}`;
  } catch {
    return `${file} unreadable`;
  }
}
