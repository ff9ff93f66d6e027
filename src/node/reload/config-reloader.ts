import { ConfigUnusableError } from '../../config/faults.js';
import type { CertificateValidity } from '../../config/keys/key-pair.js';
import type { ReloadPlan } from '../../config/reload.js';
import type { Config } from '../../config/schema.js';
import type { Counters } from '../../telemetry/counters.js';
import type { Logger } from '../../telemetry/logger.js';
import { SingleFlight } from '../../util/single-flight.js';
import { isOperational } from '../operational-error.js';

/** A configuration that was read and checked. */
export interface LoadedConfig {
  readonly config: Config;
  /** Validity of the listener's certificate. Undefined without TLS. */
  readonly validity: CertificateValidity | undefined;
  /** Advice on doubtful settings, for the log. */
  readonly advice: readonly string[];
}

export type ReloadOutcome =
  | {
      readonly result: 'applied' | 'unchanged';
      readonly changed: readonly string[];
      /** Settings that differ and need a restart. */
      readonly needsRestart: readonly string[];
    }
  | { readonly result: 'refused'; readonly faults: readonly string[] };

export interface ConfigReloaderOptions {
  /** Reads the configuration again. Throws a ConfigUnusableError with every fault. */
  readonly load: () => LoadedConfig;
  /** Puts it into effect, or rejects and changes nothing. */
  readonly apply: (loaded: LoadedConfig) => Promise<Pick<ReloadPlan, 'changed' | 'needsRestart'>>;
  readonly counters: Counters;
  readonly logger: Logger;
}

/** One mistake in a file may cause many faults. */
const MAX_FAULTS_LOGGED = 50;

/** Reloads the configuration, one reload at a time. A bad configuration is refused, with all its faults in the log. */
export class ConfigReloader {
  readonly #options: ConfigReloaderOptions;
  readonly #reloads = new SingleFlight(() => this.#reload());

  constructor(options: ConfigReloaderOptions) {
    this.#options = options;
  }

  /** A request during a reload gets the outcome of the next one: the file may have changed since. */
  reload(): Promise<ReloadOutcome> {
    return this.#reloads.run();
  }

  async #reload(): Promise<ReloadOutcome> {
    const { load, apply, logger } = this.#options;
    try {
      const loaded = load();
      const { changed, needsRestart } = await apply(loaded);
      for (const message of loaded.advice) logger.warn({ message }, 'config.questionable');
      if (changed.length > 0) logger.info({ message: `changed: ${changed.join(', ')}` }, 'config.reloaded');
      else logger.info({ message: 'nothing to change' }, 'config.reloaded');
      if (needsRestart.length > 0)
        logger.warn({ message: `needs a restart to change: ${needsRestart.join(', ')}` }, 'config.needs_restart');
      return this.#count({ result: changed.length > 0 ? 'applied' : 'unchanged', changed, needsRestart });
    } catch (error) {
      return this.#count({ result: 'refused', faults: this.#refused(error) });
    }
  }

  #refused(error: unknown): readonly string[] {
    const { logger } = this.#options;
    if (!(error instanceof ConfigUnusableError)) {
      const message = 'the configuration could not be put into effect, and the old one stays';
      const reason = error instanceof Error && isOperational(error) ? error.message : message;
      logger.error({ message, error }, 'config.refused');
      return [reason];
    }
    const faults = error.lines;
    for (const message of faults.slice(0, MAX_FAULTS_LOGGED)) logger.error({ message }, 'config.refused');
    const message = 'the configuration is not usable, and the old one stays';
    logger.error({ message, count: faults.length }, 'config.refused');
    return faults;
  }

  #count(outcome: ReloadOutcome): ReloadOutcome {
    this.#options.counters.configReloads[outcome.result]++;
    return outcome;
  }
}
