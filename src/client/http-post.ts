import { Agent, request, type IncomingMessage } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { withoutSlash } from '../util/without-slash.js';
import type { LinkOptions } from './link.js';

export interface PostAnswer {
  readonly status: number;
  readonly body: Buffer;
}

export interface Post {
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

const MAX_ANSWER_BYTES = 67_108_864;

/** Sends POST requests below one address, each on a connection of its own. */
export class HttpPoster {
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #isSecure: boolean;
  readonly #agent: Agent;

  constructor({ url, headers, tls }: Pick<LinkOptions, 'url' | 'headers' | 'tls'>) {
    this.#url = new URL(url);
    this.#headers = { ...headers };
    this.#isSecure = this.#url.protocol === 'https:';
    this.#agent = this.#isSecure ? new SecureAgent({ ...tls }) : new Agent();
  }

  /** `path`: below the address, whose query stays. Rejects where there is no complete answer. */
  post(path: string, { body, contentType, timeoutMs, signal }: Post): Promise<PostAnswer> {
    return new Promise((resolve, reject) => {
      const url = new URL(this.#url);
      url.pathname = `${withoutSlash(url.pathname)}/${path}`;
      const headers = { ...this.#headers, 'content-type': contentType, 'content-length': body.length };
      const settings = { method: 'POST', headers, agent: this.#agent, ...(signal && { signal }) };
      const sent = (this.#isSecure ? secureRequest : request)(url, settings, (answer) => {
        read(answer).then(resolve, reject);
      });
      const timer = setTimeout(
        () => sent.destroy(new Error(`the server did not answer within ${timeoutMs / 1_000} s`)),
        timeoutMs,
      );
      sent.on('error', reject);
      sent.on('close', () => clearTimeout(timer));
      sent.end(body);
    });
  }
}

async function read(answer: IncomingMessage): Promise<PostAnswer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new Error(`the answer has more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return { status: answer.statusCode ?? 0, body: Buffer.concat(chunks) };
}
