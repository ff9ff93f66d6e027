/** The command line makes no sense. The message proposes what to write instead, where it can. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'USAGE';
}
