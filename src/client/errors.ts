import type { Dict, List } from '../wamp/options.js';

/** The router or a callee answered a request with an ERROR. */
export class WampError extends Error {
  override readonly name = 'WampError';
  readonly uri: string;
  readonly args: List;
  readonly kwargs: Dict;

  constructor(uri: string, args: List = [], kwargs: Dict = {}) {
    super(uri);
    this.uri = uri;
    this.args = args;
    this.kwargs = kwargs;
  }
}

/** There is no session: the connection failed, the router refused the login, or the session ended before the answer. */
export class NotConnectedError extends Error {
  override readonly name = 'NotConnectedError';
  /** The reason of an ABORT or GOODBYE. */
  readonly uri: string | undefined;

  constructor(message: string, uri?: string) {
    super(message);
    this.uri = uri;
  }
}

/** A message that the serializer cannot represent, or that is too long for the router. */
export class UnencodableError extends Error {
  override readonly name = 'UnencodableError';
}
