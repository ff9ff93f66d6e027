import { z } from 'zod';
import { milliseconds } from '../fields.js';

/** The call of a procedure of the application that decides who a client is. */
export const authenticatorFields = {
  authenticator: z
    .string()
    .min(1)
    .max(1_024)
    .describe('Procedure that the router calls with realm, authid and details; it returns who the client is.'),
  authenticatorRealm: z
    .string()
    .min(1)
    .max(255)
    .exactOptional()
    .describe('Realm in which the procedure is registered: one of `realms`. Absent: the realm that the client joins.'),
  timeoutMs: milliseconds(1, 600_000)
    .default(5_000)
    .describe('Milliseconds that the procedure has. `limits.handshakeTimeoutMs` bounds the whole handshake.'),
  mayChooseRealm: z
    .boolean()
    .default(false)
    .describe('The procedure may return another realm that this router serves, which the client then joins.'),
  onUnavailable: z
    .enum(['close', 'abort'])
    .default('close')
    .describe(
      'Answer to a client when the procedure cannot be asked or its result cannot be used. `close`: close 1013, after which client libraries connect again; `abort`: ABORT, after which most of them give up.',
    ),
};

/** An entry of a method: a procedure. */
export const dynamic = z.strictObject({
  type: z.literal('dynamic').describe('A procedure.'),
  ...authenticatorFields,
});
