import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyOptions,
  type RemoteJWKSet,
} from 'jose';
import { unavailable, type Unavailable } from '../../session/ports.js';

export interface PublishedKeysOptions {
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Keys of an issuer could not be read. Called at most once in RETRY_MS for each issuer. */
  readonly onUnreadable: (jwksUrl: string, cause: unknown) => void;
}

const FETCH_TIMEOUT_MS = 3_000;
/** Keys are read again when they are older. */
const FRESH_MS = 600_000;
/** Least time between two readings, whatever keys tokens name, and whether or not the first succeeded. */
const RETRY_MS = 10_000;
const MAX_BYTES = 1_048_576;

class UnreadableKeysError extends Error {
  override readonly name = 'UnreadableKeysError';
}

/**
 * The keys that an issuer publishes (RFC 7517). Keys that were read once stay in use while they cannot be read again: the
 * issuer's outage ends no login.
 */
export class PublishedKeys {
  readonly #url: string;
  readonly #options: PublishedKeysOptions;
  readonly #remote: RemoteJWKSet;
  #retryAtMs = -Infinity;

  constructor(url: string, options: PublishedKeysOptions) {
    this.#url = url;
    this.#options = options;
    this.#remote = createRemoteJWKSet(new URL(url), {
      cooldownDuration: RETRY_MS,
      cacheMaxAge: FRESH_MS,
      [customFetch]: (address, init) => readKeys(address, init.headers),
    });
  }

  /** Rejects with an error of the library when the token is not valid. */
  async verify(token: string, wanted: JWTVerifyOptions): Promise<JWTPayload | Unavailable> {
    if (this.#options.nowMs() < this.#retryAtMs) return this.#verifyByKnown(token, wanted);
    try {
      return (await jwtVerify(token, this.#remote, wanted)).payload;
    } catch (error) {
      if (!(error instanceof UnreadableKeysError)) throw error;
      this.#noteFailure(error);
      return this.#verifyByKnown(token, wanted);
    }
  }

  async #verifyByKnown(token: string, wanted: JWTVerifyOptions): Promise<JWTPayload | Unavailable> {
    const known = this.#remote.jwks();
    if (known === undefined)
      return unavailable('undecided', 'the keys of the issuer cannot be read now: try again later');
    return (await jwtVerify(token, createLocalJWKSet(known), wanted)).payload;
  }

  #noteFailure(error: UnreadableKeysError): void {
    const nowMs = this.#options.nowMs();
    if (nowMs < this.#retryAtMs) return;
    this.#retryAtMs = nowMs + RETRY_MS;
    this.#options.onUnreadable(this.#url, error.cause ?? error);
  }
}

/** Every failure is an UnreadableKeysError, so that it is not taken for a flaw of a token. */
async function readKeys(url: string, headers: Headers): Promise<Response> {
  try {
    const response = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
    if (response.status !== 200) throw new Error(`status ${response.status}`);
    return new Response(await boundedText(response));
  } catch (cause) {
    throw new UnreadableKeysError('the keys of the issuer cannot be read', { cause });
  }
}

async function boundedText(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let byteCount = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    byteCount += part.length;
    if (byteCount > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes`);
    parts.push(part);
  }
  const text = Buffer.concat(parts).toString();
  const set: unknown = JSON.parse(text);
  if (typeof set !== 'object' || set === null || !Array.isArray((set as { keys?: unknown }).keys))
    throw new Error('no JSON Web Key Set');
  return text;
}
