/** A command cannot start with what it was given: a file that cannot be read, a credential that is none. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
}
