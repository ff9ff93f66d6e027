/** A credential cannot be made from what was given. The message never contains the secret. */
export class CredentialError extends Error {
  override readonly name = 'CredentialError';
  readonly code = 'CREDENTIAL';
}
