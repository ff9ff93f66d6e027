import { z } from 'zod';
import { authenticatorFields } from './authenticator-schema.js';
import { count } from '../fields.js';
import { asymmetricAlgorithms, keyFlaw, symmetricAlgorithms } from '../keys/jwt-keys.js';

const MAX_KEYS = 32;

const claimName = z.string().min(1).max(255);

const symmetricKey = z.strictObject({
  algorithm: z.enum(symmetricAlgorithms).describe('Algorithm of the tokens that this key signs.'),
  kid: z
    .string()
    .min(1)
    .max(255)
    .exactOptional()
    .describe('Id of the key. A token that names another id is not verified with this key.'),
  secret: z
    .string()
    .min(32, 'Invalid secret: expected at least 32 characters')
    .max(4_096)
    .meta({ description: 'The secret that router and issuer share, as UTF-8 text.', writeOnly: true }),
});

const asymmetricKey = z
  .strictObject({
    algorithm: z.enum(asymmetricAlgorithms).describe('Algorithm of the tokens that this key verifies.'),
    kid: symmetricKey.shape.kid,
    publicKey: z
      .string()
      .min(1)
      .max(16_384)
      .meta({ description: 'Public key of the issuer, as PEM (`-----BEGIN PUBLIC KEY-----`).', isKeyText: true }),
  })
  .superRefine(({ algorithm, publicKey }, context) => {
    const flaw = keyFlaw(algorithm, publicKey);
    if (flaw !== undefined) context.addIssue({ code: 'custom', path: ['publicKey'], message: `Invalid key: ${flaw}` });
  });

const claims = z
  .strictObject({
    authid: claimName.default('sub').describe('Claim that is the authid of the session.'),
    role: claimName
      .default('role')
      .describe(
        'Claim that is the role: a text, or a list of which the first role of the realm counts. Without effect beside `role`.',
      ),
    realm: claimName
      .exactOptional()
      .describe('Claim that must name the realm, or list it. Absent: the token is good for each realm that takes it.'),
    authextra: z
      .array(claimName)
      .max(64)
      .default([])
      .describe('Claims that WELCOME has in `authextra`, and that authorizers and the meta API receive.'),
  })
  .prefault({});

/** The rules of a realm for a token. */
export const tokenRules = z
  .strictObject({
    keys: z
      .array(z.union([symmetricKey, asymmetricKey]))
      .max(MAX_KEYS)
      .default([])
      .describe('Keys that tokens are verified with. Several: the issuer is about to use another one.'),
    jwksUrl: z
      .url({ protocol: /^https?$/ })
      .refine((url) => !URL.canParse(url) || new URL(url).username + new URL(url).password === '', {
        error: 'Invalid URL: it must contain no user name and no password',
      })
      .exactOptional()
      .describe(
        'Address where the issuer publishes its keys (JWKS). The router reads it again when a token names a new key.',
      ),
    algorithms: z
      .array(z.enum(asymmetricAlgorithms))
      .min(1)
      .default(['RS256', 'ES256', 'EdDSA'])
      .describe('Algorithms that keys of `jwksUrl` may have. Never those of a shared secret.'),
    issuer: claimName.exactOptional().describe('The claim `iss` that a token must have.'),
    audience: z
      .union([claimName, z.array(claimName).min(1)])
      .exactOptional()
      .describe('The claim `aud` that a token must have; one of several.'),
    clockToleranceS: count(0, 600).default(5).describe('Seconds by which the clocks of issuer and router may differ.'),
    closeOnExpiry: z
      .boolean()
      .default(true)
      .describe(
        '`true`: the session ends when its token expires, unless the client has renewed it. `false`: it stays.',
      ),
    asTicket: z
      .boolean()
      .default(true)
      .describe(
        '`true`: clients may also send the token as the ticket of the method `ticket`, which every client library knows.',
      ),
    role: claimName.exactOptional().describe('Role of all sessions with such a token, whatever it claims.'),
    claims: claims.describe('The meaning of the claims of a token.'),
    ...authenticatorFields,
    authenticator: authenticatorFields.authenticator
      .exactOptional()
      .describe(
        'Procedure that decides on the bearer of a verified token: the router calls it with the claims, and it returns role and authid. Absent: the claims decide.',
      ),
  })
  .refine(({ authenticator, role }) => authenticator === undefined || role === undefined, {
    error: 'Invalid input: the authenticator decides on the role, so remove `role`',
    path: ['role'],
  })
  .refine(({ keys, jwksUrl }) => keys.length > 0 || jwksUrl !== undefined, {
    error: 'Invalid input: expected keys or jwksUrl',
  });

/** Methods and tickets take tokens by one issuer, or by several. */
export const tokenRulesList = z
  .union([tokenRules, z.array(tokenRules).min(1)])
  .transform((rules) => (Array.isArray(rules) ? rules : [rules]));
