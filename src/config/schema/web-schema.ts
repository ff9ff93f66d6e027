import { z } from 'zod';
import { bytes, count, socketPath } from '../fields.js';

/** Those that follow from the answer itself. */
const FIXED_HEADERS = [
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'etag',
  'location',
  'transfer-encoding',
];

const headerName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, 'Invalid value: expected the name of a header')
  .refine((name) => !FIXED_HEADERS.includes(name.toLowerCase()), 'Invalid value: the router decides on this header');

const headers = z
  .record(headerName, z.string().regex(/^[\x20-\x7e]{0,4096}$/, 'Invalid value: expected printable ASCII'))
  .default({})
  .describe(
    'Headers of its answers by name, in place of those that they would have: `Content-Security-Policy`, or `Access-Control-Allow-Origin` for pages of other origins.',
  );

const cacheSeconds = count(0, 31_536_000)
  .default(0)
  .describe('Seconds for which clients need not ask again. 0: they ask each time. HTML is always asked for again.');

const fileName = z
  .string()
  .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/, 'Invalid name: expected one file, which does not begin with a dot');

const TYPES =
  '`static`: the files of a directory, below the path. `json`: one value. `redirect`: another address. The longest path that matches decides.';

const files = z.strictObject({
  type: z.literal('static').describe(TYPES),
  directory: z.string().min(1).max(4_096).describe('Directory with the files. Relative to the working directory.'),
  index: fileName.default('index.html').describe('`static`: name of the page of a folder.'),
  spaFallback: fileName
    .exactOptional()
    .describe(
      '`static`: file of the directory that answers where there is no file, to requests for pages: for applications that read the path themselves. Absent: 404.',
    ),
  immutable: z
    .array(socketPath)
    .max(32)
    .default([])
    .describe(
      '`static`: begins of paths below this one whose files never change, as `/assets/`: browsers keep them for a year.',
    ),
  precompressed: z
    .boolean()
    .default(true)
    .describe('`static`: send `name.br` or `name.gz`, where it is there, to clients that take it.'),
  cacheSeconds,
  headers,
});

const value = z.strictObject({
  type: z.literal('json').describe(TYPES),
  value: z
    .unknown()
    .refine((given) => given !== undefined, 'Missing: the value')
    .describe('`json`: the value.'),
  cacheSeconds,
  headers,
});

const redirect = z.strictObject({
  type: z.literal('redirect').describe(TYPES),
  url: z
    .string()
    .regex(/^[\x21-\x7e]{1,2048}$/, 'Invalid URL: expected printable ASCII, with escapes for everything else')
    .describe('`redirect`: address to send clients to, also a relative one.'),
  status: z
    .union([z.literal(301), z.literal(302), z.literal(307), z.literal(308)])
    .default(302)
    .describe('`redirect`: status of the answer. 301 and 308 are for good, 307 and 308 keep the method.'),
});

const paths = z
  .record(socketPath, z.discriminatedUnion('type', [files, value, redirect]))
  .refine((given) => Object.keys(given).length <= 64, 'Too many: expected at most 64 paths')
  .default({})
  .describe('Files, values and redirects that the router serves, by path: see [files and small things](web.md).');

/** Files and small things at a further listener. */
export const listenerWeb = z.strictObject({ paths });

/** Files and small things that the router serves beside the WebSocket of `listen`, and the bounds on those of all listeners. */
export const web = z.strictObject({
  paths,
  maxFileBytes: bytes(1, 2_147_483_648)
    .default(104_857_600)
    .describe('Bytes of a file that is served, at any listener. A larger one gets 403.'),
  maxFileAnswers: count(1, 10_000)
    .default(256)
    .describe(
      'Number of answers with a file at a time on this node, at all listeners, each with its open file. Further ones get 503.',
    ),
});
