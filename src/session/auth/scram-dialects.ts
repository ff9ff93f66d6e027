import { own } from '../../wamp/dict.js';
import type { ScramDialect, ScramExchange, ScramKdf } from './scram.js';

/** The dialect of the specification. */
export const WAMP_SCRAM: ScramDialect = {
  method: 'wamp-scram',
  verifierKey: 'verifier',
  usualKdf: 'pbkdf2',
  serverNonce: (clientNonce, random) => clientNonce + random.toString('base64'),
  challenge: ({ serverNonce, salt, kdf }) => ({
    nonce: serverNonce,
    salt: base64(salt),
    kdf: kdf.kind === 'pbkdf2' ? 'pbkdf2' : 'argon2id13',
    iterations: kdf.iterations,
    memory: memoryOf(kdf) ?? null,
  }),
  isAnswerTo: ({ serverNonce }, extra) =>
    own(extra, 'nonce') === serverNonce &&
    (own(extra, 'channel_binding') ?? null) === null &&
    ((own(extra, 'cbind_data') ?? null) === null || own(extra, 'cbind_data') === ''),
  authMessage: (exchange) => authMessage(exchange, saslName(exchange.authid), WITHOUT_BINDING),
};

/** The dialect of autobahn-python and Crossbar.io. Its clients refuse keys in CHALLENGE.Extra that they do not know. */
export const AUTOBAHN_SCRAM: ScramDialect = {
  method: 'scram',
  verifierKey: 'scram_server_signature',
  usualKdf: 'argon2id',
  serverNonce: (clientNonce, random) => Buffer.concat([Buffer.from(clientNonce, 'base64'), random]).toString('base64'),
  challenge: ({ serverNonce, salt, kdf }) => {
    const memory = memoryOf(kdf);
    return {
      nonce: serverNonce,
      kdf: kdf.kind === 'pbkdf2' ? 'pbkdf2' : 'argon2id-13',
      salt: base64(salt),
      iterations: kdf.iterations,
      ...(memory === undefined ? undefined : { memory }),
    };
  },
  isAnswerTo: () => true,
  authMessage: (exchange) => authMessage(exchange, exchange.authid, ''),
};

/** Base64 of `n,,`: no channel is bound. */
const WITHOUT_BINDING = 'biws';

function authMessage({ clientNonce, serverNonce, salt, kdf }: ScramExchange, name: string, binding: string): string {
  return (
    `n=${name},r=${clientNonce},` +
    `r=${serverNonce},s=${base64(salt)},i=${kdf.iterations},` +
    `c=${binding},r=${serverNonce}`
  );
}

/** RFC 5802: `=` and `,` have another meaning in the message. */
function saslName(authid: string): string {
  return authid.replaceAll('=', '=3D').replaceAll(',', '=2C');
}

function memoryOf(kdf: ScramKdf): number | undefined {
  return kdf.kind === 'argon2id' ? kdf.memoryKiB : undefined;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
