import type { HttpStatus } from '../../telemetry/counters.js';

interface PathOptions {
  /** Begins with a slash. */
  readonly path: string;
  /** Headers of each answer, in place of those that it would have. */
  readonly headers: Readonly<Record<string, string>>;
  /** Seconds for which clients need not ask again. 0: they ask each time. */
  readonly cacheSeconds: number;
}

/** A path whose files lie in a directory. */
export interface StaticOptions extends PathOptions {
  readonly type: 'static';
  readonly directory: string;
  /** Name of the page of a folder. */
  readonly index: string;
  /** File of the directory that answers where there is none, for the paths of pages. Absent: 404. */
  readonly spaFallback?: string;
  /** Begins of paths below this one whose files never change. */
  readonly immutable: readonly string[];
  /** Send `name.br` or `name.gz` in place of `name` to clients that take it. */
  readonly precompressed: boolean;
}

/** A path with one value. */
export interface JsonOptions extends PathOptions {
  readonly type: 'json';
  readonly value: unknown;
}

/** A path that leads elsewhere. */
export interface RedirectOptions {
  readonly type: 'redirect';
  readonly path: string;
  readonly url: string;
  readonly status: Extract<HttpStatus, '301' | '302' | '307' | '308'>;
}

export type WebPathOptions = StaticOptions | JsonOptions | RedirectOptions;

/** Bounds on the files of all paths together. */
export interface WebBounds {
  /** A larger file is not sent. */
  readonly maxFileBytes: number;
  /** Answers with a file under way at a time, each with its open file. */
  readonly maxFileAnswers: number;
}
