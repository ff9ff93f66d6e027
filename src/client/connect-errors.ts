const SENTENCES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing accepts connections at this address',
  ECONNRESET: 'the server closed the connection',
  ENOTFOUND: 'the name of the host cannot be resolved',
  EAI_AGAIN: 'the name of the host cannot be resolved',
  ENOENT: 'there is no socket at this path',
  EACCES: 'this user may not use the socket at this path',
  EPROTO: 'the server has no TLS at this address, or none that this client accepts',
  HPE_INVALID_CONSTANT: 'the server does not speak HTTP at this address',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server has no TLS at this address',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the server has no TLS at this address',
};

/** The reason why a connection failed, for people. */
export function connectReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return SENTENCES['code' in error ? String(error.code) : ''] ?? error.message;
}
