import { createPrivateKey, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCryptosign } from '../../../../src/session/auth/cryptosign.js';
import { begin, challenged, principals } from './methods.js';

interface Vector {
  readonly pubkey: string;
  readonly signature: string;
  readonly challenge: string;
}

const SEED = '4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510';
const KEY_1 = '1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d';
const KEY_2 = '6ed32739ff04a6074044ff0b0e3bfc7c856bc9d5f1d25efc57363bda0af3a8b0';
const KEY_3 = '28e11f427b82b9a625ee7ac89a7d29326b505f2dc11dd88c1245f83b6da79a85';

// Known answers of the specification and of autobahn-python's tests.
const VECTORS: readonly Vector[] = [
  {
    pubkey: KEY_1,
    signature:
      'b32675b221f08593213737bef8240e7c15228b07028e19595294678c90d11c0cae80a357331bfc5cc9fb71081464e6e75013517c2cf067ad566a6b7b728e5d03',
    challenge: 'ff'.repeat(32),
  },
  {
    pubkey: KEY_2,
    signature:
      'd4209ad10d5aff6bfbc009d7e924795de138a63515efc7afc6b01b7fe5201372190374886a70207b042294af5bd64ce725cd8dceb344e6d11c09d1aaaf4d660f',
    challenge: 'b26c1f87c13fc1da14997f1b5a71995dff8fbe0a62fae8473c7bdbd05bfb607d',
  },
  {
    pubkey: KEY_3,
    signature:
      '7beb282184baadd08f166f16dd683b39cab53816ed81e6955def951cb2ddad1ec184e206746fd82bda075af03711d3d5658fc84a76196b0fa8d1ebc92ef9f30b',
    challenge: 'b05e6b8ad4d69abf74aa3be3c0ee40ae07d66e1895b9ab09285a2f1192d562d2',
  },
  {
    pubkey: '545efb0a2192db8d43f118e9bf9aee081466e1ef36c708b96ee6f62dddad9122',
    signature:
      'e2f0297a193b63b7a4a92028e9e2e6107f82730560d54a657bd982cb4b3151490399debbbde998e494d3c3b2a5e2e91271291e10dee85a6cfaa127885ddd8b0a',
    challenge: 'fa034062ad76352b53a25358854577730db82f367aa439709c91296d04a5716c',
  },
  {
    pubkey: '545efb0a2192db8d43f118e9bf9aee081466e1ef36c708b96ee6f62dddad9122',
    signature:
      'a3a178fe792ed772a8fc092f8341e455de96670c8901264a7c312dbf940d5743626fe9fbc29b23dcd2169b308eca309de85a89ccd296b24835de3d95b16b7703',
    challenge: '0e9192bc08512c8198da159c1ae600ba91729215f35d56102ee318558e773537',
  },
];

interface BoundVector extends Vector {
  /** Challenge XOR identifier of the channel. */
  readonly message: string;
}

// The same keys and challenges, bound to the channel of the tests of autobahn-python.
const BOUND_VECTORS: readonly BoundVector[] = [
  {
    pubkey: KEY_1,
    signature:
      '9b6f41540c9b95b4b7b281c3042fa9c54cef43c842d62ea3fd6030fcb66e70b3e80d49d44c29d1635da9348d02ec93f3ed1ef227dfb59a07b580095c2b82f80f',
    challenge: 'ff'.repeat(32),
    message: '9d16ca518aa0c2b707f2b2a609edeca73bca8dd59817a633f35574ac6fd80d00',
  },
  {
    pubkey: KEY_2,
    signature:
      '305aaa3ac25e98f651427688b3fc43fe7d8a68a7ec1d7d61c61517c519bd4a427c3015599d83ca28b4c652333920223844ef0725eb5dc2febfd6af7677b73f01',
    challenge: 'b26c1f87c13fc1da14997f1b5a71995dff8fbe0a62fae8473c7bdbd05bfb607d',
    message: 'd0852a29b460fc92ec943242ac638a053bbacc200512b18b30d15083cbdc9282',
  },
  {
    pubkey: KEY_3,
    signature:
      'ee3c7644fd8070532bc1fde3d70d742267da545d8c8f03e63bda63f1ad4214f4d2c4bfdb4eb9526def42deeb7e31602a6ff99eba893e0a4ad4d45892ca75e608',
    challenge: 'b05e6b8ad4d69abf74aa3be3c0ee40ae07d66e1895b9ab09285a2f1192d562d2',
    message: 'd2b75e24a189a7f78ca776ba36fc53f6c3e31c32f251f2c524f0a44202f2902d',
  },
];

function methodOf(entries: Readonly<Record<string, readonly string[]>>, challenge = 'ff'.repeat(32)) {
  const credentials = Object.fromEntries(
    Object.entries(entries).map(([authid, authorizedKeys]) => [authid, { authorizedKeys }]),
  );
  return createCryptosign({ principals: principals(credentials), randomBytes: () => Buffer.from(challenge, 'hex') });
}

describe.each(VECTORS)('the known answer of key $pubkey', ({ pubkey, signature, challenge }) => {
  it('is accepted with what was signed, without it, and in capitals', async () => {
    const method = methodOf({ device: [pubkey] }, challenge);
    for (const answer of [signature + challenge, signature, (signature + challenge).toUpperCase()]) {
      const step = await challenged(method, 'device', { pubkey: pubkey.toUpperCase(), channel_binding: null });
      expect(step.extra).toEqual({ challenge });
      expect(step.answer(answer, {})).toMatchObject({ kind: 'granted', principal: { authid: 'device' } });
    }
  });
});

describe('channel binding', () => {
  const CHANNEL_ID = Buffer.from('62e935ae755f3d48f80d4d59f6121358c435722a67e859cc0caa8b539027f2ff', 'hex');
  const wanting = (pubkey: string, type: string) => ({ pubkey, channel_binding: type });

  describe.each(BOUND_VECTORS)('of the known answer of key $pubkey', ({ pubkey, signature, challenge, message }) => {
    const method = methodOf({ device: [pubkey] }, challenge);
    const asked = (channelId: Uint8Array | undefined, type = 'tls-unique') =>
      challenged(method, 'device', wanting(pubkey, type), undefined, channelId);

    it('is accepted on the channel that it is bound to', async () => {
      const step = await asked(CHANNEL_ID);
      expect(step.extra).toEqual({ challenge, channel_binding: 'tls-unique' });
      for (const answer of [signature + message, signature])
        expect(step.answer(answer, {})).toMatchObject({ kind: 'granted', principal: { authid: 'device' } });
    });

    it('is refused on another channel', async () => {
      const step = await asked(Buffer.alloc(32, 7));
      for (const answer of [signature + message, signature, signature + challenge])
        expect(step.answer(answer, {})).toMatchObject({
          kind: 'refused',
          fault: { error: 'wamp.error.authentication_denied' },
        });
    });

    it('is declined where there is no channel, or another type is asked for: the client learns why it fails', async () => {
      for (const step of [await asked(undefined), await asked(CHANNEL_ID, 'tls-exporter')]) {
        expect(step.extra).toEqual({ challenge });
        expect(step.answer(signature + message, {})).toMatchObject({
          kind: 'refused',
          fault: { error: 'wamp.error.authentication_failed', message: expect.stringContaining('channel') as string },
        });
      }
    });
  });

  it('is declined without an end of the attempt: the answer without binding is accepted', async () => {
    const { pubkey, signature, challenge } = VECTORS[0]!;
    for (const [channelId, type] of [
      [undefined, 'tls-unique'],
      [CHANNEL_ID, 'tls-exporter'],
      [CHANNEL_ID, 7 as unknown as string],
    ] as const) {
      const method = methodOf({ device: [pubkey] }, challenge);
      const step = await challenged(method, 'device', wanting(pubkey, type), undefined, channelId);
      expect(step.extra).toEqual({ challenge });
      expect(step.answer(signature + challenge, {})).toMatchObject({ kind: 'granted' });
    }
  });

  it('comes without a signature of the router, which has no key of its own', async () => {
    const { pubkey, challenge } = VECTORS[0]!;
    const authextra = { pubkey, challenge: 'ab'.repeat(32), trustroot: null };
    const step = await challenged(
      methodOf({ device: [pubkey] }, challenge),
      'device',
      authextra,
      undefined,
      CHANNEL_ID,
    );
    expect(step.extra).toEqual({ challenge });
  });

  it('is not there where the client does not ask for it', async () => {
    const { pubkey, signature, challenge } = VECTORS[0]!;
    const method = methodOf({ device: [pubkey] }, challenge);
    const step = await challenged(method, 'device', { pubkey, channel_binding: null }, undefined, CHANNEL_ID);
    expect(step.extra).toEqual({ challenge });
    expect(step.answer(signature + challenge, {})).toMatchObject({ kind: 'granted' });
  });
});

it('refuses a signature of another attempt, whichever challenge stands behind it', async () => {
  const { pubkey, signature, challenge } = VECTORS[0]!;
  const method = methodOf({ device: [pubkey] }, VECTORS[1]!.challenge);
  for (const answer of [signature + challenge, signature + VECTORS[1]!.challenge, signature]) {
    const step = await challenged(method, 'device', { pubkey });
    expect(step.answer(answer, {})).toMatchObject({
      kind: 'refused',
      fault: { error: 'wamp.error.authentication_denied' },
    });
  }
});

it('refuses whatever is not a signature', async () => {
  const method = methodOf({ device: [KEY_1] });
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f]{192}$/), fc.stringMatching(/^[0-9a-f]{128}$/)),
      async (answer) => {
        const step = await challenged(method, 'device', { pubkey: KEY_1 });
        expect(await step.answer(answer, {})).toMatchObject({ kind: 'refused' });
      },
    ),
  );
});

describe('which principal it is', () => {
  const key = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.from(SEED, 'hex')]),
    format: 'der',
    type: 'pkcs8',
  });
  const answerTo = (challenge: string): string =>
    sign(null, Buffer.from(challenge, 'hex'), key).toString('hex') + challenge;
  const right = answerTo('ff'.repeat(32));

  it('is named by the key, if that is authorized for one only', async () => {
    const step = await challenged(methodOf({ device: [KEY_2, KEY_1] }), undefined, { pubkey: KEY_1 });
    expect(step.answer(right, {})).toMatchObject({ kind: 'granted', principal: { authid: 'device' } });
    const shared = methodOf({ one: [KEY_1], other: [KEY_1] });
    expect((await challenged(shared, undefined, { pubkey: KEY_1 })).answer(right, {})).toMatchObject({
      kind: 'refused',
    });
    expect((await challenged(shared, 'other', { pubkey: KEY_1 })).answer(right, {})).toMatchObject({
      kind: 'granted',
      principal: { authid: 'other' },
    });
  });

  it('is nobody with a key of somebody else', async () => {
    const method = methodOf({ one: [KEY_1], other: [KEY_2] });
    for (const authid of ['other', 'nobody', '__proto__'])
      expect((await challenged(method, authid, { pubkey: KEY_1 })).answer(right, {})).toMatchObject({
        kind: 'refused',
        fault: { error: 'wamp.error.authentication_denied' },
      });
  });

  it('cannot be found without a public key', async () => {
    for (const authextra of [undefined, {}, { pubkey: 7 }, { pubkey: KEY_1.slice(2) }, { pubkey: `${KEY_1}00` }])
      expect(await begin(methodOf({ device: [KEY_1] }), 'device', authextra)).toMatchObject({
        kind: 'refused',
        fault: { error: 'wamp.error.authentication_failed', message: expect.stringContaining('pubkey') as string },
      });
  });
});
