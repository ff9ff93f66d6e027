/**
 * The variable that uWebSockets.js reads when it is loaded, once per process: the bound on a request's line and
 * headers.
 */
const VARIABLE = 'UWS_HTTP_MAX_HEADERS_SIZE';
/** The library answers larger requests by itself, uncounted. So its limit is above that of the router. */
const LIBRARY_SHARE = 2;

const DEFAULT_MAX_HEADER_BYTES = 16_384;

/** Takes effect when the library is loaded, and not later. */
export function limitHeaders(maxHeaderBytes: number): void {
  process.env[VARIABLE] = String(maxHeaderBytes * LIBRARY_SHARE);
}

/** The same without a configured limit. */
export function limitHeadersByDefault(): void {
  if (process.env[VARIABLE] === undefined) limitHeaders(DEFAULT_MAX_HEADER_BYTES);
}
