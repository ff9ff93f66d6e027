/**
 * A port in use, a store that does not answer: one sentence says it all. What has no code of ours or of the system is a
 * bug.
 */
export function isOperational(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && !error.code.startsWith('ERR_');
}
