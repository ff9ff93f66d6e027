/** Methods by which sessions join, as clients name them in HELLO. */
export const AUTH_METHODS = [
  'anonymous',
  'ticket',
  'wampcra',
  'wamp-scram',
  'scram',
  'cryptosign',
  'jwt',
  'tls',
  'cookie',
] as const;
