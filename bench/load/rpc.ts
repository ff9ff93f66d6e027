import type { Activity } from './activity.js';
import { CheckedPayload } from './checked-payload.js';
import type { LoadClient } from './client.js';
import { FrameTemplate } from './frame-template.js';
import { FrameWriter } from './frame-writer.js';
import type { Endpoint } from './endpoint.js';
import type { Outcome, Plan, RpcJob } from './job.js';
import type { Meter } from './meter.js';
import { makePayload, readSequence } from './payload.js';
import { openCallee, openCaller } from './rpc-peers.js';
import { inParallel } from './session.js';
import { code, readId } from './wamp.js';

const connectWidth = 16;
// Results of several callees overtake each other by less than this.
const ringSize = 1 << 16;
const ringMask = ringSize - 1;

interface Caller {
  readonly client: LoadClient;
  readonly writer: FrameWriter;
  readonly template: FrameTemplate;
  /** The meter's number of each call that is outstanding, by its own number; -1 when it is not. */
  readonly outstanding: Float64Array;
  sent: number;
  answered: number;
}

/** Callers that call one procedure, callees that echo: each call must get its own result, once, payload intact. */
export class Rpc implements Activity {
  readonly #endpoint: Endpoint;
  readonly #job: RpcJob;
  readonly #meter: Meter;
  readonly #callers: Caller[] = [];
  readonly #callees: LoadClient[] = [];
  #window = 0;
  #nextCaller = 0;

  constructor(endpoint: Endpoint, job: RpcJob, meter: Meter) {
    this.#endpoint = endpoint;
    this.#job = job;
    this.#meter = meter;
  }

  async open(): Promise<void> {
    const { callees, callers } = this.#job;
    await inParallel(callees, connectWidth, async () => this.#openCallee());
    // One after the other: the relay and the payload identify callers by their place.
    for (let index = 0; index < callers; index += 1) await this.#openCaller(index);
  }

  async run(plan: Plan): Promise<Outcome> {
    this.#window = plan.pace.kind === 'closed' ? plan.pace.window : 0;
    const isClosed = plan.pace.kind === 'closed';
    return this.#meter.run(plan, {
      send: (count) => (isClosed ? this.#fillAll() : this.#callInTurn(count)),
      isSettled: () => this.#meter.received === this.#meter.sent,
    });
  }

  verify(): Promise<void> {
    const wrong = this.#callers.filter(({ sent, answered }) => sent !== answered).length;
    return wrong === 0 ? Promise.resolve() : Promise.reject(new Error(`${wrong} callers did not get every result`));
  }

  remoteProgress(): void {
    throw new Error('calls are made and answered in one process');
  }

  close(): Promise<void> {
    for (const { client } of this.#callers) client.destroy();
    for (const client of this.#callees) client.destroy();
    return Promise.resolve();
  }

  async #openCallee(): Promise<void> {
    const { serializer, payloadBytes, callees } = this.#job;
    const endpoint = this.#job.calleesAt ?? this.#endpoint;
    const client = await openCallee(endpoint, serializer, callees > 1 ? 'roundrobin' : 'single', payloadBytes);
    const invocation = this.#endpoint.wire === 'relay' ? code.call : code.invocation;
    const checked = new CheckedPayload(serializer, invocation, payloadBytes);
    const template = new FrameTemplate(
      serializer,
      code.yield,
      [{}, [makePayload(payloadBytes, 0)]],
      payloadBytes,
      client.framing,
    );
    const writer = new FrameWriter(client);
    client.onFailure = (error) => this.#meter.fail(error);
    client.onMessage = (buffer, start, end) => {
      const payload = checked.locate(buffer, start, end);
      const id = readId(serializer, buffer, start);
      writer.reserve(template.sizeLimit);
      writer.offset = template.writeEcho(writer.buffer, writer.offset, id, buffer, payload);
    };
    client.onReadEnd = () => writer.flush();
    this.#callees.push(client);
  }

  async #openCaller(index: number): Promise<void> {
    const { serializer, payloadBytes } = this.#job;
    const { client, template } = await openCaller(this.#endpoint, serializer, index, {}, payloadBytes);
    const outstanding = new Float64Array(ringSize).fill(-1);
    const caller: Caller = { client, template, writer: new FrameWriter(client), outstanding, sent: 0, answered: 0 };
    const checked = new CheckedPayload(
      serializer,
      this.#endpoint.wire === 'relay' ? code.yield : code.result,
      payloadBytes,
    );
    let isNewRead = true;
    client.onFailure = (error) => this.#meter.fail(error);
    client.onMessage = (buffer, start, end) => {
      if (isNewRead) this.#meter.tick();
      isNewRead = false;
      const payload = checked.locate(buffer, start, end);
      const sequence = readSequence(buffer, payload);
      checked.expect(buffer, payload, index, sequence);
      if (readId(serializer, buffer, start) !== sequence + 1) throw new Error(`call ${sequence} got another's result`);
      this.#answered(caller, sequence);
    };
    client.onReadEnd = () => {
      isNewRead = true;
      this.#fill(caller);
    };
    this.#callers.push(caller);
  }

  #answered(caller: Caller, sequence: number): void {
    const number = caller.outstanding[sequence & ringMask]!;
    if (number < 0 || sequence >= caller.sent)
      throw new Error(`call ${sequence} got a second result, or was never made`);
    caller.outstanding[sequence & ringMask] = -1;
    caller.answered += 1;
    this.#meter.recordLatency(number);
    this.#meter.received += 1;
  }

  #fillAll(): void {
    for (const caller of this.#callers) this.#fill(caller);
  }

  #fill(caller: Caller): void {
    if (!this.#meter.isSending || this.#window === 0) return;
    const credit = this.#window - (caller.sent - caller.answered);
    if (credit < this.#window / 4) return;
    this.#meter.tick();
    for (let index = 0; index < credit; index += 1) this.#call(caller);
    caller.writer.flush();
  }

  /** Calls from one caller after the other, in an open loop. */
  #callInTurn(count: number): void {
    const first = this.#nextCaller;
    for (let index = 0; index < count; index += 1) {
      this.#call(this.#callers[this.#nextCaller]!);
      this.#nextCaller = (this.#nextCaller + 1) % this.#callers.length;
    }
    const touched = Math.min(count, this.#callers.length);
    for (let index = 0; index < touched; index += 1) {
      this.#callers[(first + index) % this.#callers.length]!.writer.flush();
    }
  }

  #call(caller: Caller): void {
    const { writer, template, outstanding } = caller;
    if (outstanding[caller.sent & ringMask]! >= 0) throw new Error(`call ${caller.sent - ringSize} was never answered`);
    writer.reserve(template.sizeLimit);
    writer.offset = template.write(writer.buffer, writer.offset, caller.sent + 1, caller.sent);
    outstanding[caller.sent & ringMask] = this.#meter.sent;
    this.#meter.stamp(this.#meter.sent);
    this.#meter.sent += 1;
    caller.sent += 1;
  }
}
