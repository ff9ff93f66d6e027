import { textAnswer } from '../http/answers.js';
import { contentTypeOf } from '../http/content-types.js';
import { isKnownTag } from '../http/entity-tags.js';
import type { HttpAnswer, HttpExchange, HttpHeaders, HttpRoute } from '../http/exchange.js';
import { SITE_POLICY, withStanding } from '../http/security-headers.js';
import { withoutSlash } from '../../util/without-slash.js';
import { acceptedEncodings, type Encoding } from './encodings.js';
import type { FileAnswers } from './file-answers.js';
import { rangeIn } from './byte-range.js';
import { bodyOf } from './file-body.js';
import { fileNamesIn } from './file-names.js';
import type { StaticOptions } from './options.js';
import { ServedDirectory, type ServedFile } from './served-directory.js';

const IMMUTABLE = 'public, max-age=31536000, immutable';

/** The file that answers a request. */
interface Found {
  readonly file: ServedFile;
  /** Name of the original, which decides on the content type. */
  readonly name: string;
  readonly encoding: Encoding | undefined;
  /** Its content belongs to the path of the request. False: it answers for all paths that have no file. */
  readonly isOwn: boolean;
}

/** The files of a directory, below a path. */
export class StaticRoute implements HttpRoute {
  readonly match = 'prefix';
  readonly methods = ['GET', 'HEAD'];
  readonly path: string;
  readonly #options: StaticOptions;
  readonly #directory: ServedDirectory;
  readonly #answers: FileAnswers;
  readonly #prefix: string;

  constructor(options: StaticOptions, answers: FileAnswers) {
    this.path = options.path;
    this.#options = options;
    this.#directory = new ServedDirectory(options.directory);
    this.#answers = answers;
    this.#prefix = withoutSlash(options.path);
  }

  async handle(exchange: HttpExchange): Promise<void> {
    const place = this.#answers.begin();
    if (!('ended' in place)) {
      exchange.answer(place);
      return;
    }
    let found: Found | HttpAnswer | undefined;
    const close = (): void => {
      place.ended();
      // Reading has changed nothing that a failed close could lose.
      if (found !== undefined && 'file' in found) found.file.handle.close().catch(() => undefined);
    };
    try {
      found = await this.#find(exchange);
      const answer = 'file' in found ? await this.#answerWith(found, exchange) : found;
      exchange.answer(answer, close);
    } catch (error) {
      close();
      throw error;
    }
  }

  async #find(exchange: HttpExchange): Promise<Found | HttpAnswer> {
    const below = exchange.path.slice(this.#prefix.length);
    const asked = fileNamesIn(below);
    if (asked === undefined) return NOTHING;
    // Links of the page are relative to the folder.
    if (below === '') return folderAnswer(exchange);
    const names = asked.isFolder ? [...asked.names, this.#options.index] : asked.names;
    const found = (await this.#open(names, exchange, true)) ?? (await this.#fallback(names, exchange));
    if (found === 'folder') return asked.isFolder ? NOTHING : folderAnswer(exchange);
    return found ?? NOTHING;
  }

  /** The page of an application that reads the path itself. A missing script or image is missing. */
  async #fallback(names: readonly string[], exchange: HttpExchange): Promise<Found | 'folder' | undefined> {
    const { spaFallback, index } = this.#options;
    const last = names.at(-1) ?? '';
    const isPage = last === index || !last.includes('.');
    if (spaFallback === undefined || !isPage || !/text\/html|\*\/\*|^$/.test(exchange.header('accept')))
      return undefined;
    return this.#open([spaFallback], exchange, false);
  }

  async #open(names: readonly string[], exchange: HttpExchange, isOwn: boolean): Promise<Found | 'folder' | undefined> {
    const name = names.at(-1) ?? '';
    const encodings = this.#options.precompressed ? acceptedEncodings(exchange.header('accept-encoding')) : [];
    for (const encoding of encodings) {
      const file = await this.#directory.open([...names.slice(0, -1), `${name}${encoding.suffix}`]);
      if (file !== undefined && file !== 'folder') return { file, name, encoding, isOwn };
    }
    const file = await this.#directory.open(names);
    return file === undefined || file === 'folder' ? file : { file, name, encoding: undefined, isOwn };
  }

  async #answerWith(found: Found, exchange: HttpExchange): Promise<HttpAnswer> {
    const { file } = found;
    const refusal = this.#answers.refusalOf(file.byteLength);
    if (refusal !== undefined) return refusal;
    const { byteLength } = file;
    const headers = this.#headers(found, exchange.path.slice(this.#prefix.length));
    const all = { start: 0, byteLength };
    if (isKnownTag(exchange.header('if-none-match'), tagOf(found)))
      return { status: '304', headers, body: await bodyOf(file, all, true), isBodyLeftOut: true };
    const range = rangeIn(exchange, byteLength, tagOf(found));
    if (range === 'none')
      return textAnswer('416', `The file has ${byteLength} bytes.`, [['Content-Range', `bytes */${byteLength}`]]);
    const isLeftOut = exchange.method === 'HEAD';
    if (range === 'all')
      return { status: '200', headers, body: await bodyOf(file, all, isLeftOut), isBodyLeftOut: isLeftOut };
    const last = range.start + range.byteLength - 1;
    const contentRange = ['Content-Range', `bytes ${range.start}-${last}/${byteLength}`] as const;
    return { status: '206', headers: [...headers, contentRange], body: await bodyOf(file, range, false) };
  }

  #headers(found: Found, below: string): HttpHeaders {
    const { encoding, name } = found;
    const { headers, precompressed } = this.#options;
    return withStanding(Object.entries(headers), [
      ['Content-Type', contentTypeOf(name)],
      ['ETag', tagOf(found)],
      ['Accept-Ranges', 'bytes'],
      ['Cache-Control', this.#caching(found, below)],
      ['Content-Security-Policy', SITE_POLICY],
      ...(precompressed ? [['Vary', 'Accept-Encoding'] as const] : []),
      ...(encoding === undefined ? [] : [['Content-Encoding', encoding.name] as const]),
    ]);
  }

  /** A page names its scripts and styles, so the newest one has to be asked for. */
  #caching({ name, isOwn }: Found, below: string): string {
    const { immutable, cacheSeconds } = this.#options;
    if (isOwn && immutable.some((begin) => below.startsWith(begin))) return IMMUTABLE;
    if (cacheSeconds === 0 || contentTypeOf(name).startsWith('text/html')) return 'no-cache';
    return `public, max-age=${cacheSeconds}`;
  }
}

const NOTHING = textAnswer('404', 'There is nothing here.');

function tagOf({ file, encoding }: Found): string {
  return encoding === undefined ? file.etag : file.etag.replace(/"$/, `-${encoding.name}"`);
}

/** Leads to the folder, by a path that no name of it turns into another address. */
function folderAnswer({ path, query }: HttpExchange): HttpAnswer {
  const location = `./${path.slice(path.lastIndexOf('/') + 1)}/${query === '' ? '' : `?${query}`}`;
  return textAnswer('308', 'This is a folder: its path ends with a slash.', [['Location', location]]);
}
