import type { HttpResponse } from 'uWebSockets.js';
import type { HttpStatus } from '../../telemetry/counters.js';
import type { BodySource, HttpAnswer, HttpHeaders } from '../http/exchange.js';
import { withStanding } from '../http/security-headers.js';
import { CORK_BYTES, SourceBody } from './uws-source.js';
import { closesWithoutBody } from './uws-library.js';

const STATUS_LINES: Readonly<Record<HttpStatus, string>> = {
  '200': '200 OK',
  '202': '202 Accepted',
  '204': '204 No Content',
  '206': '206 Partial Content',
  '301': '301 Moved Permanently',
  '302': '302 Found',
  '304': '304 Not Modified',
  '307': '307 Temporary Redirect',
  '308': '308 Permanent Redirect',
  '400': '400 Bad Request',
  '401': '401 Unauthorized',
  '403': '403 Forbidden',
  '404': '404 Not Found',
  '405': '405 Method Not Allowed',
  '408': '408 Request Timeout',
  '413': '413 Content Too Large',
  '415': '415 Unsupported Media Type',
  '416': '416 Range Not Satisfiable',
  '422': '422 Unprocessable Content',
  '426': '426 Upgrade Required',
  '429': '429 Too Many Requests',
  '431': '431 Request Header Fields Too Large',
  '500': '500 Internal Server Error',
  '502': '502 Bad Gateway',
  '503': '503 Service Unavailable',
  '504': '504 Gateway Timeout',
};
/** An answer that its client does not take is given up after this time, and more for a long body. */
const ANSWER_LIMIT_MS = 60_000;
const LEAST_BYTES_PER_MS = 16;

/**
 * Answers one HTTP request in a later turn, and ends its connection. The library ends a connection that sends another
 * request meanwhile, so no client makes the router answer into a queue that it does not read. A long page is not
 * copied: it goes out as far as the system takes it.
 * `standing`: see writeHead. `ended`: the connection has gone, or goes as soon as what is written is out; `isWritten`: the system has taken the whole
 * answer. Called once.
 */
export function sendAnswer(
  response: HttpResponse,
  answer: HttpAnswer,
  standing: HttpHeaders,
  ended: (isWritten: boolean) => void,
): void {
  const writing = new Writing(response, answer, standing, ended);
  response.onAborted(() => writing.aborted());
  setImmediate(() => writing.begin());
}

/** Writes status and headers. `standing`: headers of every answer of the listener that has none of the same name. */
export function writeHttpHead(
  response: HttpResponse,
  { status, headers }: Pick<HttpAnswer, 'status' | 'headers'>,
  standing: HttpHeaders,
): void {
  response.writeStatus(STATUS_LINES[status]);
  for (const [name, value] of withStanding(headers, standing)) response.writeHeader(name, value);
}

class Writing {
  readonly #response: HttpResponse;
  readonly #answer: HttpAnswer;
  readonly #standing: HttpHeaders;
  readonly #ended: (isWritten: boolean) => void;
  #isOpen = true;
  #isWritten = false;
  #limit: NodeJS.Timeout | undefined;

  constructor(response: HttpResponse, answer: HttpAnswer, standing: HttpHeaders, ended: (isWritten: boolean) => void) {
    this.#response = response;
    this.#answer = answer;
    this.#standing = standing;
    this.#ended = ended;
  }

  /** The client has gone, or sent another request before it had this answer. */
  aborted(): void {
    if (this.#isOpen) this.#end();
  }

  begin(): void {
    if (!this.#isOpen) return;
    const { body, isBodyLeftOut } = this.#answer;
    const byteLength = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
    this.#limit = setTimeout(() => this.#response.close(), ANSWER_LIMIT_MS + byteLength / LEAST_BYTES_PER_MS);
    if (isBodyLeftOut === true && byteLength > 0) this.#writeWithoutBody(byteLength);
    else if (isSource(body)) this.#writeSource(body);
    else if (typeof body === 'string' || body.byteLength <= CORK_BYTES) this.#writeShort(body);
    else this.#writeLong(body);
  }

  #writeHead(): void {
    writeHttpHead(this.#response, this.#answer, this.#standing);
  }

  #writeWithoutBody(byteLength: number): void {
    this.#response.cork(() => {
      this.#writeHead();
      if (closesWithoutBody) this.#response.endWithoutBody(byteLength, true);
      else this.#response.writeHeader('Connection', 'close').tryEnd('', byteLength);
    });
    if (closesWithoutBody) this.#written();
    else this.#closeWritten();
  }

  #writeShort(body: Uint8Array | string): void {
    this.#response.cork(() => {
      this.#writeHead();
      this.#response.end(body, true);
    });
    this.#written();
  }

  /** The first call announces the length to the client, and must have some of the body but not all of it. */
  #writeLong(body: Uint8Array): void {
    const { byteLength } = body;
    this.#response.onWritable((offset) => this.#writeRest(body, offset));
    let isOut = false as boolean;
    this.#response.cork(() => {
      this.#writeHead();
      this.#response.writeHeader('Connection', 'close').tryEnd(body.subarray(0, 1), byteLength);
      isOut = this.#tryToWrite(body, 1);
    });
    if (isOut) this.#closeWritten();
  }

  #writeSource(source: BodySource): void {
    const body = new SourceBody(this.#response, source, {
      head: () => this.#writeHead(),
      isOpen: () => this.#isOpen,
      written: () => this.#closeWritten(),
    });
    void body.begin();
  }

  /** The library calls this without a cork. Under one, a short rest would look as if it were out. */
  #writeRest(body: Uint8Array, offset: number): boolean {
    const isOut = this.#tryToWrite(body, offset);
    if (isOut) this.#closeWritten();
    return isOut;
  }

  /**
   * False: the system takes no more for now. The library keeps the connection of an answer that it knows to be complete.
   * So the router announces to it one byte more than there is, and closes the connection itself.
   */
  #tryToWrite(body: Uint8Array, offset: number): boolean {
    return this.#response.tryEnd(body.subarray(offset), body.byteLength + 1)[0];
  }

  /** The library reports the end of the connection by `aborted`. */
  #closeWritten(): void {
    this.#isWritten = true;
    this.#response.close();
  }

  #written(): void {
    this.#isWritten = true;
    this.#end();
  }

  #end(): void {
    this.#isOpen = false;
    clearTimeout(this.#limit);
    this.#ended(this.#isWritten);
  }
}

function isSource(body: HttpAnswer['body']): body is BodySource {
  return typeof body !== 'string' && 'read' in body;
}
