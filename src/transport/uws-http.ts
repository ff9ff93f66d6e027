import type { HttpResponse } from 'uWebSockets.js';
import type { HttpStatus } from '../telemetry/counters.js';
import { SITE_HEADERS, type SitePage } from './static-site.js';

/** One HTTP answer. */
export interface HttpAnswer {
  readonly status: HttpStatus;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array | string;
  /** HEAD, or 304: only how long the body would be. */
  readonly isBodyLeftOut?: boolean;
}

const STATUS_LINES: Readonly<Record<HttpStatus, string>> = {
  '200': '200 OK',
  '304': '304 Not Modified',
  '400': '400 Bad Request',
  '403': '403 Forbidden',
  '404': '404 Not Found',
  '405': '405 Method Not Allowed',
  '426': '426 Upgrade Required',
  '431': '431 Request Header Fields Too Large',
  '503': '503 Service Unavailable',
};
/** What an answer that its client does not take is given up after. */
const ANSWER_LIMIT_MS = 60_000;

/**
 * Answers one HTTP request in a later turn, and ends its connection: the library gives up a connection that sends another
 * request meanwhile, so nobody makes the router answer into a queue that nobody reads. Of a page nothing is
 * copied: it goes out as far as the system takes it.
 * `ended`: the connection has gone, or goes as soon as what is written is out. Called once.
 */
export function sendAnswer(response: HttpResponse, answer: HttpAnswer, ended: () => void): void {
  const writing = new Writing(response, answer, ended);
  response.onAborted(() => writing.aborted());
  setImmediate(() => writing.begin());
}

/** One sentence of plain text. */
export function textAnswer(status: HttpStatus, sentence: string, headers: HttpAnswer['headers'] = []): HttpAnswer {
  const type = ['Content-Type', 'text/plain; charset=utf-8'] as const;
  return { status, headers: [...headers, type, ['X-Content-Type-Options', 'nosniff']], body: `${sentence}\n` };
}

/** A page of the site, or that the client has it already. */
export function pageAnswer(page: SitePage, ifNoneMatch: string): HttpAnswer {
  const isKnown = ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === page.etag);
  return {
    status: isKnown ? '304' : '200',
    headers: [['ETag', page.etag], ...SITE_HEADERS, ['Content-Type', page.contentType]],
    body: page.body,
    isBodyLeftOut: isKnown,
  };
}

class Writing {
  readonly #response: HttpResponse;
  readonly #answer: HttpAnswer;
  readonly #ended: () => void;
  #isOpen = true;
  #limit: NodeJS.Timeout | undefined;

  constructor(response: HttpResponse, answer: HttpAnswer, ended: () => void) {
    this.#response = response;
    this.#answer = answer;
    this.#ended = ended;
  }

  /** The client has gone, or did not wait for this answer before it asked again. */
  aborted(): void {
    if (this.#isOpen) this.#end();
  }

  begin(): void {
    if (!this.#isOpen) return;
    const { body } = this.#answer;
    this.#limit = setTimeout(() => this.#response.close(), ANSWER_LIMIT_MS);
    this.#response.cork(() => this.#writeHead());
    if (typeof body === 'string' && this.#answer.isBodyLeftOut !== true) return;
    if (this.#answer.isBodyLeftOut === true || typeof body === 'string') this.#response.close();
    else {
      this.#response.onWritable((offset) => this.#writeBody(body, offset));
      this.#writeBody(body, 0);
    }
  }

  /** A text, whole; of everything else only how long it is. */
  #writeHead(): void {
    const { status, headers, body, isBodyLeftOut } = this.#answer;
    this.#response.writeStatus(STATUS_LINES[status]);
    for (const [name, value] of headers) this.#response.writeHeader(name, value);
    if (typeof body === 'string' && isBodyLeftOut !== true) {
      this.#response.end(body, true);
      this.#end();
    } else this.#response.writeHeader('Connection', 'close').tryEnd('', Buffer.byteLength(body));
  }

  /**
   * False: the system takes no more for now. Once the library knows that a body is complete it takes the connection
   * back, and keeps it. So it is told of one byte more than there is, and closed by hand when the body is out.
   */
  #writeBody(body: Uint8Array, offset: number): boolean {
    const isOut =
      this.#tryToWrite(body.subarray(offset), body) && this.#tryToWrite(body.subarray(body.byteLength), body);
    if (isOut) this.#response.close();
    return isOut;
  }

  /** What is short waits in a buffer of the library until the cork is off: only a second try shows whether it went out. */
  #tryToWrite(part: Uint8Array, { byteLength }: Uint8Array): boolean {
    let isTaken = false;
    this.#response.cork(() => {
      [isTaken] = this.#response.tryEnd(part, byteLength + 1);
    });
    return isTaken;
  }

  #end(): void {
    this.#isOpen = false;
    clearTimeout(this.#limit);
    this.#ended();
  }
}
