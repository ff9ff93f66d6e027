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

/** The library ws reports this when the answer to the opening handshake is not 101. */
const HTTP_ANSWER = /^Unexpected server response: (\d{3})$/;

/** The reason why a connection failed, for people. */
export function connectReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const status = HTTP_ANSWER.exec(error.message)?.[1];
  if (status !== undefined) return refusalOf(Number(status));
  return SENTENCES['code' in error ? String(error.code) : ''] ?? error.message;
}

function refusalOf(status: number): string {
  const answer = `(HTTP ${status})`;
  if (status === 503) return `the server accepts no clients now ${answer}: try again later`;
  if (status < 300 || status === 404) {
    return `the server has no WebSocket at this path ${answer}: the path of a Gantry node is /ws unless listen.path is set`;
  }
  return `the server refused the WebSocket ${answer}`;
}
