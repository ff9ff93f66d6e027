/**
 * An operational error, such as a port in use or a store that does not answer: one sentence explains it. An error
 * without a code of ours or of the system is a bug.
 */
export function isOperational(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && !error.code.startsWith('ERR_');
}
