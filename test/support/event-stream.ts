/** One event of a stream, as EventSource would dispatch it. */
export interface ServerSentEvent {
  readonly type: string;
  readonly id: string;
  readonly data: unknown;
}

/** Server-sent events, as they come. */
export class EventStreamClient {
  readonly status: number;
  readonly headers: Headers;
  readonly #controller: AbortController;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #decoder = new TextDecoder();
  #text = '';

  private constructor(response: Response, controller: AbortController) {
    this.status = response.status;
    this.headers = response.headers;
    this.#controller = controller;
    this.#reader = response.body?.getReader();
  }

  static async open(url: string, headers: Readonly<Record<string, string>> = {}): Promise<EventStreamClient> {
    const controller = new AbortController();
    return new EventStreamClient(await fetch(url, { headers, signal: controller.signal }), controller);
  }

  /** The next event; comments are left out. Undefined: the stream has ended. */
  async next(): Promise<ServerSentEvent | undefined> {
    for (;;) {
      const [block, ...rest] = this.#text.split('\n\n');
      if (rest.length > 0) {
        this.#text = rest.join('\n\n');
        return eventOf(block ?? '');
      }
      const more = await this.#reader?.read().catch(() => undefined);
      if (more?.value === undefined) return undefined;
      this.#text += this.#decoder.decode(more.value, { stream: true });
    }
  }

  close(): void {
    this.#controller.abort();
  }
}

function eventOf(block: string): ServerSentEvent {
  const fields = new Map(
    block
      .split('\n')
      .filter((line) => !line.startsWith(':'))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  const data: unknown = JSON.parse(fields.get('data') ?? 'null');
  return { type: fields.get('event') ?? 'message', id: fields.get('id') ?? '', data };
}
