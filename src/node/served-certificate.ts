import { ConfigUnusableError } from '../config/faults.js';
import { checkKeyPair, keyPairFingerprint, type CertificateValidity } from '../config/keys/key-pair.js';
import type { Config } from '../config/schema.js';
import type { Logger } from '../telemetry/logger.js';
import { CertificateWatch } from './certificate-watch.js';
import { isOperational } from './operational-error.js';

type Tls = NonNullable<Config['listen']['tls']>;

export interface ServedCertificateOptions {
  /** The configuration in effect. */
  readonly config: () => Config;
  /** The function that it resolves with gives the certificate to new connections. */
  readonly prepare: (tls: Tls) => Promise<() => void> | undefined;
  /** New connections get another certificate, because its files have changed. */
  readonly onRenewed: (validity: CertificateValidity) => void;
  readonly logger: Logger;
}

/** The certificate that new connections get: that of the files, as soon as these hold another one that can be used. */
export class ServedCertificate {
  readonly #options: ServedCertificateOptions;
  readonly #watch: CertificateWatch;
  #fingerprint: string | undefined;

  constructor(options: ServedCertificateOptions) {
    this.#options = options;
    const files = (): readonly string[] => {
      const { tls } = options.config().listen;
      return tls === undefined ? [] : [tls.certFile, tls.keyFile];
    };
    this.#watch = new CertificateWatch({ files, changed: () => void this.#renew() });
  }

  /** A server reads the files now. */
  wasRead(): void {
    this.#fingerprint = keyPairFingerprint(this.#options.config());
  }

  watch(): void {
    this.#watch.start();
  }

  stop(): void {
    this.#watch.stop();
  }

  /** Undefined: the files of this configuration hold the certificate that is served. */
  async prepare(config: Config): Promise<(() => void) | undefined> {
    const { tls } = config.listen;
    const fingerprint = keyPairFingerprint(config);
    if (tls === undefined || fingerprint === this.#fingerprint) return undefined;
    const use = await this.#options.prepare(tls);
    if (use === undefined) return undefined;
    return () => {
      this.#fingerprint = fingerprint;
      use();
    };
  }

  /** Files that do not belong together yet are looked at again when the second has changed. */
  async #renew(): Promise<void> {
    const { config, onRenewed, logger } = this.#options;
    try {
      const validity = checkKeyPair(config());
      const use = await this.prepare(config());
      if (validity === undefined || use === undefined) return;
      use();
      onRenewed(validity);
      logger.info({ message: `valid until ${new Date(validity.untilMs).toISOString()}` }, 'certificate.renewed');
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const message =
        error instanceof ConfigUnusableError
          ? error.lines.join('; ')
          : isOperational(error)
            ? error.message
            : undefined;
      logger.warn({ message, ...(message === undefined ? { error } : {}) }, 'certificate.refused');
    }
  }
}
