import { badRequest, type Refusal } from './refusal.js';

/** The library puts it in place of bytes that are not UTF-8. */
const REPLACEMENT = '\ufffd';

/**
 * Whether the query of a request is unreadable: URLSearchParams would replace escapes and bytes that are not UTF-8, and so
 * name another topic or key than the client did. `query`: as the client sent it. O(bytes).
 */
export function queryFlaw(query: string): Refusal | undefined {
  if (query.includes(REPLACEMENT)) return badRequest('The query must be UTF-8.');
  try {
    decodeURIComponent(query);
    return undefined;
  } catch {
    return badRequest('The query must be percent-encoded UTF-8: it has "%" without two hex digits, or other bytes.');
  }
}
