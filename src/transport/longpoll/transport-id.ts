import { randomBytes } from 'node:crypto';
import type { NodeId } from '../../wamp/ids.js';

const SECRET_BYTES = 18;
/** The name of a node, `~`, and the secret in base64url. */
const ID = /^([A-Za-z0-9._-]{1,128})~([A-Za-z0-9_-]{24})$/;

/** A transport's address: the node that has it, its home, and a secret, which is all that a client needs to use it (LP-6). */
export interface TransportId {
  readonly home: NodeId;
  readonly secret: string;
}

export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

export function formatTransportId({ home, secret }: TransportId): string {
  return `${home}~${secret}`;
}

/** Undefined: no node has made this id. */
export function parseTransportId(text: string): TransportId | undefined {
  const [, home, secret] = ID.exec(text) ?? [];
  return home === undefined || secret === undefined ? undefined : { home: home as NodeId, secret };
}
