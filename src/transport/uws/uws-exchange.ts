import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { Counters } from '../../telemetry/counters.js';
import type { Backlog } from '../bounds/backlog.js';
import type { ClientCertificate } from '../opening/client-certificate.js';
import { textAnswer } from '../http/answers.js';
import { BodyReader, type BodyBounds, type BodyFlaw, type BodyPool } from '../http/body-reader.js';
import type { HttpAnswer, HttpExchange, HttpHeaders, HttpRoute, HttpStream, StreamOptions } from '../http/exchange.js';
import { sendAnswer } from './uws-http.js';
import { UwsStream } from './uws-stream.js';

/** The client of a request, as the listener sees it. */
export interface ExchangeClient extends Pick<
  HttpExchange,
  'origin' | 'isAllowedOrigin' | 'remoteAddress' | 'addressKey' | 'certificate'
> {
  readonly isProxied: boolean;
  readonly hasTls: boolean;
}

export interface ExchangeDependencies {
  readonly counters: Counters;
  readonly backlog: Backlog;
  readonly bodies: BodyPool;
  /** See writeHead. */
  readonly standing: HttpHeaders;
  /** The connection has gone, or goes as soon as what is written is out. Called once. */
  readonly ended: () => void;
}

/** One HTTP request over uWebSockets.js. The library's request is read here: it ends with this turn. */
export class UwsExchange implements HttpExchange {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly origin: string;
  readonly isAllowedOrigin: boolean;
  readonly remoteAddress: string;
  readonly addressKey: string;
  readonly isSecure: boolean;
  readonly certificate: ClientCertificate | undefined;
  readonly headers: ReadonlyMap<string, string>;
  readonly #gone = new AbortController();
  readonly #response: HttpResponse;
  readonly #dependencies: ExchangeDependencies;
  #reader: BodyReader | undefined;
  #isInTurn = true;
  #isAnswered = false;
  #isEnded = false;

  constructor(
    response: HttpResponse,
    request: HttpRequest,
    dependencies: ExchangeDependencies,
    client: ExchangeClient,
  ) {
    this.#response = response;
    this.#dependencies = dependencies;
    this.method = request.getCaseSensitiveMethod();
    this.path = request.getUrl();
    this.query = queryOf(request);
    this.headers = headersOf(request);
    this.origin = client.origin;
    this.isAllowedOrigin = client.isAllowedOrigin;
    this.remoteAddress = client.remoteAddress;
    this.addressKey = client.addressKey;
    this.isSecure = client.hasTls || (client.isProxied && this.header('x-forwarded-proto') === 'https');
    this.certificate = client.certificate;
    response.onAborted(() => this.#left());
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  header(name: string): string {
    return this.headers.get(name) ?? '';
  }

  /** `failed`: the route has thrown. */
  async run(route: HttpRoute, failed: (error: unknown) => void): Promise<void> {
    try {
      const handled = route.handle(this);
      this.#isInTurn = false;
      await handled;
    } catch (error) {
      failed(error);
      if (this.#isAnswered) this.#cut();
      else this.answer(textAnswer('500', 'The router could not handle this request.'));
    }
  }

  readBody(bounds: BodyBounds): Promise<Uint8Array | BodyFlaw> {
    if (!this.#isInTurn || this.#reader !== undefined) throw new Error('the body can be read once, and at once');
    return new Promise((resolve) => {
      const reader = new BodyReader(this.headers, bounds, this.#dependencies.bodies, resolve);
      this.#reader = reader;
      this.#response.onData((chunk, isLast) => reader.push(chunk, isLast));
    });
  }

  answer(answer: HttpAnswer, ended?: (isWritten: boolean) => void): void {
    if (!this.#mayAnswer()) {
      if (ended !== undefined) setImmediate(ended, false);
      return;
    }
    const { counters, standing } = this.#dependencies;
    counters.httpAnswers[answer.status]++;
    const isHead = this.method === 'HEAD';
    sendAnswer(this.#response, isHead ? { ...answer, isBodyLeftOut: true } : answer, standing, (isWritten) => {
      this.#end();
      ended?.(isWritten);
    });
  }

  stream(options: StreamOptions): HttpStream {
    const { counters, backlog, standing } = this.#dependencies;
    const response = this.#mayAnswer() ? this.#response : undefined;
    if (response !== undefined) counters.httpAnswers[options.status]++;
    return new UwsStream(response, options, { counters, backlog, standing, ended: () => this.#left() });
  }

  /** False: nobody is there to read it. */
  #mayAnswer(): boolean {
    if (this.#isAnswered) throw new Error('the request has its answer');
    this.#isAnswered = true;
    return !this.#isEnded;
  }

  #left(): void {
    if (this.#isEnded) return;
    this.#end();
    this.#reader?.aborted();
    this.#gone.abort();
  }

  #cut(): void {
    if (!this.#isEnded) this.#response.close();
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#dependencies.ended();
  }
}

/** O(bytes), which the library bounds. */
function headersOf(request: HttpRequest): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  request.forEach((name, value) => {
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before},${value}`);
  });
  return headers;
}

/** Undefined without a question mark, whatever the library's types promise. */
function queryOf(request: { getQuery(): string | undefined }): string {
  return request.getQuery() ?? '';
}
