/** Answers CHALLENGE. The secret is used here and goes nowhere else. */
export async function answerChallenge(method, secret, extra) {
  if (method === 'ticket') return secret;
  if (method === 'wampcra') return signature(secret, extra);
  throw new Error(`the router asks for the method ${method}, which was not chosen`);
}

const MAX_ITERATIONS = 10_000_000;
const bytes = (text) => new TextEncoder().encode(text);

/** WAMP-CRA, with a salted secret if the challenge has a salt. */
async function signature(secret, { challenge, salt, iterations = 1_000, keylen = 32 }) {
  const { subtle } = globalThis.crypto;
  if (subtle === undefined)
    throw new Error('browsers compute WAMP-CRA only on pages that come over HTTPS or from localhost');
  if (!(iterations <= MAX_ITERATIONS)) throw new Error(`the router asks for ${iterations} iterations`);
  let key = bytes(secret);
  if (typeof salt === 'string') {
    const password = await subtle.importKey('raw', key, 'PBKDF2', false, ['deriveBits']);
    const how = { name: 'PBKDF2', hash: 'SHA-256', salt: bytes(salt), iterations };
    key = bytes(base64(await subtle.deriveBits(how, password, keylen * 8)));
  }
  const hmac = await subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return base64(await subtle.sign('HMAC', hmac, bytes(challenge)));
}

function base64(buffer) {
  return btoa(String.fromCharCode(...new Uint8Array(buffer)));
}
