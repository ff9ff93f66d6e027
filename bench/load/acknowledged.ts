import type { Activity } from './activity.js';
import type { Endpoint } from './endpoint.js';
import { clientFrame } from './frame-template.js';
import type { AcknowledgedJob, Outcome, Plan } from './job.js';
import type { Meter } from './meter.js';
import { makePayload } from './payload.js';
import { Session } from './session.js';
import { code, decode, encode } from './wamp.js';
import type { LoadClient } from './client.js';

const textFrame = 0x81;
const source = 0;

/** One publisher that asks for acknowledgements. Each PUBLISHED counts, and must come in the order of the requests. */
export class Acknowledged implements Activity {
  readonly #endpoint: Endpoint;
  readonly #job: AcknowledgedJob;
  readonly #meter: Meter;
  readonly #payload: string;
  #client: LoadClient | null = null;

  constructor(endpoint: Endpoint, job: AcknowledgedJob, meter: Meter) {
    this.#endpoint = endpoint;
    this.#job = job;
    this.#meter = meter;
    this.#payload = makePayload(job.payloadBytes, source);
  }

  async open(): Promise<void> {
    const { client } = await Session.join(this.#endpoint, 'json');
    client.onFailure = (error) => this.#meter.fail(error);
    client.onMessage = (buffer, start, end) => this.#received(decode('json', buffer.subarray(start, end)));
    client.onReadEnd = () => {
      if (this.#meter.isSending) this.#send(this.#meter.received - this.#meter.sent + this.#window);
    };
    this.#client = client;
  }

  #window = 0;

  run(plan: Plan): Promise<Outcome> {
    if (plan.pace.kind === 'closed') this.#window = plan.pace.window;
    return this.#meter.run(plan, {
      send: (count) => this.#send(count),
      isSettled: () => this.#meter.received === this.#meter.sent,
    });
  }

  verify(): Promise<void> {
    return Promise.resolve();
  }

  remoteProgress(): void {
    throw new Error('acknowledged publications have no subscribers');
  }

  close(): Promise<void> {
    this.#client?.destroy();
    return Promise.resolve();
  }

  #send(count: number): void {
    const { topic } = this.#job;
    for (let left = count; left > 0; left -= 1) {
      const sequence = this.#meter.sent;
      this.#meter.stamp(sequence);
      this.#meter.sent += 1;
      const message = [code.publish, sequence + 1, { acknowledge: true }, topic, [this.#payload]];
      this.#client?.write(clientFrame(textFrame, encode('json', message)));
    }
  }

  #received(message: readonly unknown[]): void {
    const meter = this.#meter;
    if (message[0] !== code.published || message[1] !== meter.received + 1) {
      meter.fail(new Error(`the router answered publication ${meter.received + 1} with ${JSON.stringify(message)}`));
      return;
    }
    meter.tick();
    meter.recordLatency(meter.received);
    meter.received += 1;
  }
}
