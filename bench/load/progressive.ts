import type { Activity } from './activity.js';
import { CheckedPayload } from './checked-payload.js';
import { FrameTemplate } from './frame-template.js';
import { FrameWriter } from './frame-writer.js';
import type { Endpoint } from './endpoint.js';
import type { Outcome, Plan, ProgressiveJob } from './job.js';
import type { Meter } from './meter.js';
import { makePayload } from './payload.js';
import { openCallee, openCaller } from './rpc-peers.js';
import { code, readId } from './wamp.js';
import type { LoadClient } from './client.js';

const source = 0;

/** One caller, one callee that answers each call with many chunks: all must come, in order, the final result last. */
export class Progressive implements Activity {
  readonly #endpoint: Endpoint;
  readonly #job: ProgressiveJob;
  readonly #meter: Meter;
  /** Key: the request id; value: the chunk due next. */
  readonly #calls = new Map<number, { next: number }>();
  readonly #clients: LoadClient[] = [];
  #call: (count: number) => void = () => undefined;
  #made = 0;
  #finished = 0;

  constructor(endpoint: Endpoint, job: ProgressiveJob, meter: Meter) {
    this.#endpoint = endpoint;
    this.#job = job;
    this.#meter = meter;
  }

  async open(): Promise<void> {
    await this.#openCallee();
    await this.#openCaller();
  }

  run(plan: Plan): Promise<Outcome> {
    if (plan.pace.kind === 'open') throw new Error('chunks are not sent at a rate');
    return this.#meter.run(plan, {
      send: (count) => this.#call(count),
      isSettled: () => this.#finished === this.#made,
    });
  }

  verify(): Promise<void> {
    const { chunksPerCall } = this.#job;
    const due = this.#made * (chunksPerCall + 1);
    if (this.#calls.size === 0 && this.#meter.received === due) return Promise.resolve();
    return Promise.reject(new Error(`${due} chunks and results were due, ${this.#meter.received} came`));
  }

  remoteProgress(): void {
    throw new Error('calls are made and answered in one process');
  }

  close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    return Promise.resolve();
  }

  async #openCallee(): Promise<void> {
    const { serializer, payloadBytes, chunksPerCall } = this.#job;
    const client = await openCallee(this.#endpoint, serializer, 'single', payloadBytes);
    const invocation = this.#endpoint.wire === 'relay' ? code.call : code.invocation;
    const checked = new CheckedPayload(serializer, invocation, payloadBytes);
    const payload = makePayload(payloadBytes, source);
    const chunk = new FrameTemplate(serializer, code.yield, [{ progress: true }, [payload]], payloadBytes);
    const final = new FrameTemplate(serializer, code.yield, [{}, [payload]], payloadBytes);
    const writer = new FrameWriter(client);
    this.#clients.push(client);
    client.onFailure = (error) => this.#meter.fail(error);
    client.onMessage = (buffer, start, end) => {
      checked.locate(buffer, start, end);
      const id = readId(serializer, buffer, start);
      for (let index = 0; index <= chunksPerCall; index += 1) {
        const template = index < chunksPerCall ? chunk : final;
        writer.reserve(template.sizeLimit);
        writer.offset = template.write(writer.buffer, writer.offset, id, index);
      }
    };
    client.onReadEnd = () => writer.flush();
  }

  async #openCaller(): Promise<void> {
    const { serializer, payloadBytes } = this.#job;
    const options = { receive_progress: true };
    const { client, template } = await openCaller(this.#endpoint, serializer, source, options, payloadBytes);
    const checked = new CheckedPayload(
      serializer,
      this.#endpoint.wire === 'relay' ? code.yield : code.result,
      payloadBytes,
    );
    const writer = new FrameWriter(client);
    this.#clients.push(client);
    this.#call = (count) => {
      for (let index = 0; index < count; index += 1) {
        this.#made += 1;
        this.#calls.set(this.#made, { next: 0 });
        writer.reserve(template.sizeLimit);
        writer.offset = template.write(writer.buffer, writer.offset, this.#made, this.#made);
      }
      writer.flush();
    };
    client.onFailure = (error) => this.#meter.fail(error);
    client.onMessage = (buffer, start, end) => {
      const id = readId(serializer, buffer, start);
      this.#chunk(buffer, checked.locate(buffer, start, end), id, checked);
    };
  }

  #chunk(buffer: Buffer, payload: number, id: number, checked: CheckedPayload): void {
    const call = this.#calls.get(id);
    if (call === undefined) throw new Error(`a result for call ${id}, which is finished or was never made`);
    checked.expect(buffer, payload, source, call.next);
    call.next += 1;
    this.#meter.received += 1;
    if (call.next <= this.#job.chunksPerCall) return;
    this.#calls.delete(id);
    this.#finished += 1;
    if (this.#meter.isSending) this.#call(1);
  }
}
