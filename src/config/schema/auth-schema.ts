import { z } from 'zod';
import { dynamic } from './authenticator-schema.js';
import { count, identity } from '../fields.js';
import { tokenRulesList } from './jwt-schema.js';
import { permission } from './permission-schema.js';
import { publicKey } from '../keys/public-key.js';

const secret = (description: string) => z.string().min(1).max(4_096).meta({ description, writeOnly: true });

const hex = (byteCount: number, description: string) =>
  z
    .string()
    .regex(
      new RegExp(`^[0-9a-fA-F]{${2 * byteCount}}$`),
      `Invalid value: expected ${byteCount} bytes as ${2 * byteCount} hexadecimal digits`,
    )
    .describe(description);

const secretHex = (byteCount: number, description: string) =>
  hex(byteCount, description).meta({ description, writeOnly: true });

/** The settings that every principal has. */
const grants = {
  role: z.string().min(1).max(255).describe('Role of its sessions: one of the roles of the realm.'),
  permissions: z
    .array(permission)
    .exactOptional()
    .describe(
      'Permissions of this principal beside those of its role, in the same form. The most specific of both decides, that of the principal before that of the role for the same URIs.',
    ),
};

const byAuthid = <Principal extends z.ZodType>(principal: Principal) =>
  z.record(identity, principal).refine((all) => Object.keys(all).length > 0, {
    error: 'Invalid input: expected at least one authid',
  });

const staticType = z.literal('static').optional().describe('Principals of the configuration, or a procedure.');

/** An entry, or a list of entries: those of the configuration come first, then procedures in the order of the list. */
const entries = <Static extends typeof ticket | typeof wampcra | typeof scram | typeof cryptosign | typeof tls>(
  entry: Static,
) => {
  const either = z.discriminatedUnion('type', [entry, dynamic], { error: explainType });
  return z.union([either, z.array(either).min(1).max(32)]);
};

const explainType = ({ code }: { readonly code?: string | undefined }): string | undefined =>
  code === 'invalid_union' ? 'Invalid input: expected "static" or "dynamic"' : undefined;

const ticket = z.strictObject({
  type: staticType,
  principals: byAuthid(
    z
      .strictObject({
        ticket: secret(
          'The ticket. Its SHA-256 in `ticketSha256` does as well, and is no secret to lose.',
        ).exactOptional(),
        ticketSha256: hex(32, 'SHA-256 of the ticket as 64 hexadecimal digits, instead of `ticket`.').exactOptional(),
        ...grants,
      })
      .refine((one) => (one.ticket === undefined) !== (one.ticketSha256 === undefined), {
        error: 'Invalid input: expected either ticket or ticketSha256',
      }),
  ).describe('Principals by authid.'),
});

const wampcra = z.strictObject({
  type: staticType,
  users: byAuthid(
    z
      .strictObject({
        secret: secret(
          'The password. With `salt` the router derives the key from it when it starts, as clients do.',
        ).exactOptional(),
        derivedKey: secret(
          'Instead of `secret`: the derived key as base64 text, which is what Crossbar.io calls `secret` of a salted user.',
        ).exactOptional(),
        salt: z.string().min(1).max(255).exactOptional().describe('Salt as clients receive it. Absent: not salted.'),
        iterations: count(1, 10_000_000).default(1_000).describe('Rounds of PBKDF2, with `salt`.'),
        keylen: z
          .int()
          .min(4)
          .max(64)
          .multipleOf(4)
          .default(32)
          .describe('Bytes of the derived key, with `salt`: a multiple of 4, for autobahn-js.'),
        ...grants,
      })
      .refine((one) => (one.secret === undefined) !== (one.derivedKey === undefined), {
        error: 'Invalid input: expected either secret or derivedKey',
      })
      .refine((one) => one.derivedKey === undefined || one.salt !== undefined, {
        error: 'Invalid input: derivedKey needs the salt, iterations and keylen that it was derived with',
      }),
  ).describe('Users by authid.'),
});

const scram = z.strictObject({
  type: staticType,
  principals: byAuthid(
    z
      .strictObject({
        kdf: z.enum(['pbkdf2', 'argon2id']).describe('Function by which clients derive a key from the password.'),
        iterations: count(1, 10_000_000).describe('Rounds of that function.'),
        memoryKiB: count(8, 4_194_304).exactOptional().describe('Memory of argon2id in KiB.'),
        salt: z
          .string()
          .regex(/^([0-9a-fA-F]{2}){8,64}$/, 'Invalid salt: expected 8 to 64 bytes as hexadecimal digits')
          .describe('Salt as hexadecimal digits.'),
        storedKey: secretHex(32, 'StoredKey of RFC 5802 as 64 hexadecimal digits.'),
        serverKey: secretHex(32, 'ServerKey of RFC 5802 as 64 hexadecimal digits.'),
        ...grants,
      })
      .refine((one) => (one.kdf === 'argon2id') === (one.memoryKiB !== undefined), {
        error: 'Invalid input: argon2id needs memoryKiB, and pbkdf2 has none',
      }),
  ).describe('Principals by authid.'),
});

const cryptosign = z.strictObject({
  type: staticType,
  principals: byAuthid(
    z.strictObject({
      authorizedKeys: z
        .array(publicKey.describe('Public key of Ed25519: 64 hexadecimal digits, or a line `ssh-ed25519 AAAA…`.'))
        .min(1)
        .describe(
          'Public keys of Ed25519 that the principal may sign with: 64 hexadecimal digits each, or a line `ssh-ed25519 AAAA…` as in a `.pub` file of OpenSSH.',
        ),
      ...grants,
    }),
  ).describe('Principals by authid.'),
});

const fingerprint = z
  .string()
  .regex(
    /^[0-9a-fA-F]{2}(:?[0-9a-fA-F]{2}){31}$/,
    'Invalid value: expected 32 bytes as 64 hexadecimal digits, with or without colons',
  )
  .transform((text) => text.replaceAll(':', '').toLowerCase());

const tls = z.strictObject({
  type: staticType,
  principals: byAuthid(
    z
      .strictObject({
        certificateSha256: z
          .array(fingerprint)
          .min(1)
          .exactOptional()
          .describe(
            'SHA-256 of its certificates, as `openssl x509 -noout -fingerprint -sha256` prints them. Several: the client is about to use another one.',
          ),
        commonName: z
          .string()
          .min(1)
          .max(255)
          .exactOptional()
          .describe('CN of the subject of its certificates, which the proxy must have verified against an authority.'),
        ...grants,
      })
      .refine((one) => one.certificateSha256 !== undefined || one.commonName !== undefined, {
        error: 'Invalid input: expected certificateSha256 or commonName',
      }),
  ).describe('Principals by authid.'),
});

/** How sessions of a realm prove who they are, by method. */
export const auth = z.strictObject({
  ticket: entries(ticket)
    .exactOptional()
    .describe('Method `ticket`: the client sends a secret as it is. Use it with TLS only.'),
  wampcra: entries(wampcra)
    .exactOptional()
    .describe('Method `wampcra`: the client signs a challenge with its password, or with a key derived from it.'),
  wampScram: entries(scram)
    .exactOptional()
    .describe('Method `wamp-scram` of the specification: password and router prove themselves, and neither is sent.'),
  scram: entries(scram)
    .exactOptional()
    .describe(
      'Method `scram`, as autobahn-python and Crossbar.io have it. Keys of one dialect do not work for the other; clients of this one know argon2id only.',
    ),
  anonymous: z
    .union([dynamic, z.array(dynamic).min(1).max(32)])
    .exactOptional()
    .describe('Sessions without authentication, decided by a procedure instead of `anonymousRole`.'),
  cryptosign: entries(cryptosign)
    .exactOptional()
    .describe('Method `cryptosign`: the client signs a challenge with its Ed25519 key.'),
  tls: entries(tls)
    .exactOptional()
    .describe(
      'Method `tls`: the client has a TLS certificate, which a proxy has verified and passes on; see `listen.clientCertificate`.',
    ),
  cookie: z
    .strictObject({
      maxAgeSeconds: count(60, 31_536_000)
        .default(604_800)
        .describe('Seconds after a login by another method in which its cookie logs the client in.'),
    })
    .exactOptional()
    .describe(
      'Method `cookie`: a login by another method binds the cookie of its connection, with which the client joins later. Needs `listen.cookie`, and `listen.allowedOrigins` without `*`.',
    ),
  jwt: tokenRulesList
    .exactOptional()
    .describe('Method `jwt`: the client sends a JSON Web Token of an issuer. An entry for each issuer.'),
});
