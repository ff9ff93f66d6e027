import cluster from 'node:cluster';
import type { Logger } from '../telemetry/logger.js';
import type { Readiness } from '../transport/ops-server.js';
import type { FromProcess, ProcessAddresses, ToProcess } from './messages.js';

/** The sources of the answers to the parent. */
export interface LinkSources {
  readonly readiness: () => Readiness;
  readonly metricsPage: () => Promise<string>;
}

export const STATE_MS = 500;

/**
 * Connects a process to its parent. When the parent ends without having ended its processes, they end as by SIGTERM:
 * nobody would look after them.
 */
export class ParentLink {
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    // Without this, Node.js ends the process at once when the parent has ended.
    if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
    process.once('disconnect', () => {
      clearInterval(this.#timer);
      process.kill(process.pid, 'SIGTERM');
    });
  }

  /** The node is ready: the parent may count on it from now on. */
  started(addresses: ProcessAddresses, { readiness, metricsPage }: LinkSources, logger: Logger): void {
    process.on('message', ({ kind, request }: ToProcess) => {
      metricsPage().then(
        (page) => this.#send({ kind, request, page }),
        (error: unknown) => {
          logger.error({ error }, 'ops.request_failed');
          this.#send({ kind, request, page: '' });
        },
      );
    });
    this.#send({ kind: 'started', addresses });
    const sendState = (): void => this.#send({ kind: 'state', readiness: readiness() });
    sendState();
    this.#timer = setInterval(sendState, STATE_MS);
    this.#timer.unref();
  }

  #send(message: FromProcess): void {
    // The parent may have ended a moment ago: `disconnect` follows.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  }
}
