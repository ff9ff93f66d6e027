import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_PAYLOAD, payloadOf, rawPayload } from '../../../src/codec/payload.js';
import { FloatOnWire } from '../../../src/wamp/float-on-wire.js';
import { isFault } from '../../../src/wamp/faults.js';
import { NO_DETAILS } from '../../../src/wamp/options.js';
import { parseMessage } from '../../../src/wamp/parse.js';
import type { PayloadShape } from '../../../src/wamp/payload.js';

const roles = { publisher: {}, subscriber: {}, caller: {}, callee: {} };
const parse = (header: readonly unknown[], shape: PayloadShape = 'none') =>
  parseMessage(header, shape === 'none' ? NO_PAYLOAD : payloadOf([1]), shape);

function expectViolation(header: readonly unknown[], text: string, shape: PayloadShape = 'none'): void {
  const fault = parse(header, shape);
  expect(fault).toMatchObject({ kind: 'fault', error: 'wamp.error.protocol_violation' });
  expect((fault as { message: string }).message).toContain(text);
}

/** One well-formed message of each kind a client may send; element names by position. */
const WELL_FORMED: Record<string, { header: readonly unknown[]; names: readonly string[]; tail?: number }> = {
  HELLO: { header: [1, 'realm1', { roles }], names: ['', 'HELLO.Realm', 'HELLO.Details'] },
  ABORT: { header: [3, {}, 'a.b'], names: ['', 'ABORT.Details', 'ABORT.Reason'] },
  AUTHENTICATE: { header: [5, 'secret', {}], names: ['', 'AUTHENTICATE.Signature', 'AUTHENTICATE.Extra'] },
  GOODBYE: { header: [6, {}, 'a.b'], names: ['', 'GOODBYE.Details', 'GOODBYE.Reason'] },
  ERROR: {
    header: [8, 68, 1, {}, 'a.b'],
    names: ['', 'ERROR.REQUEST.Type', 'ERROR.REQUEST.Request', 'ERROR.Details', 'ERROR.Error'],
  },
  PUBLISH: { header: [16, 1, {}, 'a.b'], names: ['', 'PUBLISH.Request', 'PUBLISH.Options', 'PUBLISH.Topic'] },
  SUBSCRIBE: { header: [32, 1, {}, 'a.b'], names: ['', 'SUBSCRIBE.Request', 'SUBSCRIBE.Options', 'SUBSCRIBE.Topic'] },
  UNSUBSCRIBE: { header: [34, 1, 7], names: ['', 'UNSUBSCRIBE.Request', 'UNSUBSCRIBE.SUBSCRIBED.Subscription'] },
  CALL: { header: [48, 1, {}, 'a.b'], names: ['', 'CALL.Request', 'CALL.Options', 'CALL.Procedure'] },
  CANCEL: { header: [49, 1, {}], names: ['', 'CANCEL.CALL.Request', 'CANCEL.Options'] },
  REGISTER: { header: [64, 1, {}, 'a.b'], names: ['', 'REGISTER.Request', 'REGISTER.Options', 'REGISTER.Procedure'] },
  UNREGISTER: { header: [66, 1, 7], names: ['', 'UNREGISTER.Request', 'UNREGISTER.REGISTERED.Registration'] },
  YIELD: { header: [70, 1, {}], names: ['', 'YIELD.INVOCATION.Request', 'YIELD.Options'] },
};

class ByteStringOrSo {
  readonly bytes = 1;
}
const ODD_VALUES: readonly unknown[] = [
  null,
  undefined,
  true,
  0,
  -1,
  1.5,
  2 ** 53 + 2,
  9_007_199_254_740_993n,
  new FloatOnWire(1),
  'x',
  [],
  {},
  new Uint8Array(2),
  new ByteStringOrSo(),
];

function fits(element: string, value: unknown): boolean {
  const last = element.split('.').at(-1) ?? '';
  if (['Realm', 'Reason', 'Signature', 'Error', 'Topic', 'Procedure'].includes(last)) {
    return typeof value === 'string' || (element === 'HELLO.Realm' && (value === null || value === undefined));
  }
  if (['Options', 'Extra'].includes(last) || (last === 'Details' && !element.startsWith('HELLO'))) {
    return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  }
  return false;
}

describe('message shapes', () => {
  for (const [name, { header, names }] of Object.entries(WELL_FORMED)) {
    it(`takes a well-formed ${name} (1.1)`, () => {
      const message = parse(header);
      expect(isFault(message)).toBe(false);
      expect((message as readonly unknown[])[0]).toBe(header[0]);
    });

    it(`refuses ${name} with an element missing or too many (MSG-3)`, () => {
      expectViolation(header.slice(0, -1), `${name} must have`);
      const longest = name === 'ABORT' ? [...header, [], {}] : header;
      expectViolation([...longest, 'x'], `${name} must have`);
    });

    for (let index = 1; index < header.length; index++) {
      const element = names[index]!;
      it(`refuses every wrong type as ${element} and names it (MSG-3, MSG-4)`, () => {
        for (const value of ODD_VALUES) {
          if (fits(element, value)) continue;
          expectViolation(header.with(index, value), element);
        }
      });
    }
  }

  it.each(['\0', '\0secret', 'half \ud800', '\udc00'])(
    'refuses AUTHENTICATE.Signature %j, which other serializers cannot express (SER-3, URI-4)',
    (signature) =>
      expectViolation([5, signature, {}], 'AUTHENTICATE.Signature must be a string of well-formed Unicode'),
  );

  it('accepts ids from 1 to 2^53 and nothing beyond (ID-1, X-10)', () => {
    expect(parse([66, 2 ** 53, 2 ** 53])).toEqual([66, 2 ** 53, 2 ** 53]);
    expectViolation([66, 2 ** 53 + 2, 1], 'UNREGISTER.Request');
    expectViolation([66, 1, 0], 'UNREGISTER.REGISTERED.Registration');
  });

  it('takes the empty list, odd codes and unknown codes for a violation (MSG-1)', () => {
    expectViolation([], 'empty list');
    for (const code of ['16', null, 1.5, -1, true, new FloatOnWire(16), 16n]) expectViolation([code, 1], 'type code');
    for (const code of [0, 7, 9, 71, 255, 1024]) expectViolation([code, 1], `no message type ${code}`);
  });

  it('does not implement extension messages, EVENT_RECEIVED included (MSG-2)', () => {
    for (const code of [256, 337, 1023]) expectViolation([code, 1], 'extension not implemented');
  });

  it('refuses what only routers send (1.3, PV-2)', () => {
    for (const code of [2, 4, 17, 33, 35, 36, 50, 65, 67, 68, 69])
      expectViolation([code, 1, 1], 'sent by routers only');
  });

  it('refuses an ERROR for anything but INVOCATION (PV-3)', () => {
    for (const type of [16, 32, 34, 48, 64, 66, 70]) expectViolation([8, type, 1, {}, 'a.b'], 'ERROR.REQUEST.Type');
  });

  it('ignores a trailing dict on UNSUBSCRIBE and UNREGISTER, and nothing else there (MSG-9)', () => {
    expect(parse([34, 1, 7, { forward_for: [] }])).toEqual([34, 1, 7]);
    expect(parse([66, 1, 7, {}])).toEqual([66, 1, 7]);
    expectViolation([34, 1, 7, []], 'UNSUBSCRIBE must have 3 elements');
    expectViolation([66, 1, 7, {}, {}], 'UNREGISTER must have 3 elements');
  });

  it('takes a float above 2^32 for the id it means only where a client returns an id of ours (MSG-10, 3.6)', () => {
    const id = 2 ** 40 + 1;
    expect(parse([34, 1, new FloatOnWire(id)])).toEqual([34, 1, id]);
    expect(parse([66, 1, new FloatOnWire(id)])).toEqual([66, 1, id]);
    expectViolation([34, 1, new FloatOnWire(5)], 'UNSUBSCRIBE.SUBSCRIBED.Subscription');
    expectViolation([34, 1, new FloatOnWire(2 ** 54)], 'UNSUBSCRIBE.SUBSCRIBED.Subscription');
    expectViolation([34, new FloatOnWire(id), 1], 'UNSUBSCRIBE.Request');
    expectViolation([48, new FloatOnWire(id), {}, 'a'], 'CALL.Request');
  });

  it('lets ABORT carry a payload, GOODBYE not (MSG-11)', () => {
    expect(parse([3, {}, 'a.b', [], {}])).toEqual([3, {}, 'a.b']);
    expectViolation([6, {}, 'a.b', []], 'GOODBYE must have 3 elements');
  });

  it('takes a missing realm for the empty one (SES-9)', () => {
    expect(parse([1, null, { roles }])).toMatchObject([1, '', {}]);
  });
});

describe('payload shapes', () => {
  const carriers: [name: string, header: readonly unknown[], dictIndex: number][] = [
    ['PUBLISH', [16, 1, {}, 'a'], 2],
    ['CALL', [48, 1, {}, 'a'], 2],
    ['YIELD', [70, 1, {}], 2],
    ['ERROR', [8, 68, 1, {}, 'a'], 3],
  ];
  for (const [name, header, dictIndex] of carriers) {
    const withOptions = (options: object) => header.with(dictIndex, options);

    it(`takes ${name} without payload, with Arguments, and with both`, () => {
      for (const shape of ['none', 'args', 'args+kwargs'] as const) expect(isFault(parse(header, shape))).toBe(false);
    });

    it(`refuses ${name} whose payload is no list and dict (MSG-3)`, () => {
      expectViolation(header, `${name}.Arguments`, 'malformed');
      expectViolation(withOptions({ enc_algo: 'mqtt' }), `${name}.Arguments`, 'malformed');
    });

    it(`takes one bare payload on ${name} only with enc_algo (PPT-5)`, () => {
      expectViolation(header, 'enc_algo', 'bytes');
      expectViolation(withOptions({ ppt_scheme: 'mqtt' }), 'enc_algo', 'bytes');
      expect(isFault(parse(withOptions({ enc_algo: 'cryptobox' }), 'bytes'))).toBe(false);
    });

    it(`takes nothing but one opaque item on ${name} with ppt_scheme (PPT-2)`, () => {
      for (const shape of ['none', 'args', 'args+kwargs'] as const)
        expectViolation(withOptions({ ppt_scheme: 'wamp' }), 'one byte string in Arguments', shape);
      const opaque = rawPayload('json', 1, Buffer.from('["\\u0000AQ=="]'));
      const parsed = parseMessage(withOptions({ ppt_scheme: 'wamp' }), opaque, 'args');
      expect((parsed as readonly unknown[]).at(-1)).toBe(opaque);
      expect(isFault(parse(withOptions({ ppt_scheme: '' }), 'args+kwargs'))).toBe(false);
    });
  }

  it('hands the payload on as it is', () => {
    const payload = payloadOf([1], { k: 2 });
    const message = parseMessage([16, 3, NO_DETAILS, 'a.b'], payload, 'args+kwargs');
    expect((message as readonly unknown[])[4]).toBe(payload);
  });
});

describe('whatever comes', () => {
  it('is a message or a violation, never an exception', () => {
    const keys = ['acknowledge', 'eligible', 'match', 'roles', 'ppt_scheme', 'enc_algo', '__proto__', 'constructor'];
    const value = fc.letrec<{ any: unknown }>((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(...ODD_VALUES),
        fc.constantFrom(1, 68, 'exact', 'a.b', roles),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...keys), tie('any'), { maxKeys: 3, noNullPrototype: false }),
      ),
    })).any;
    const code = fc.oneof(fc.constantFrom(1, 3, 5, 6, 8, 16, 32, 34, 48, 49, 64, 66, 70), value);
    const shape = fc.constantFrom<PayloadShape>('none', 'args', 'args+kwargs', 'bytes', 'malformed');
    fc.assert(
      fc.property(code, fc.array(value, { maxLength: 6 }), shape, (first, rest, payloadShape) => {
        const parsed = parse([first, ...rest], payloadShape);
        if (isFault(parsed)) expect(parsed.error).toBe('wamp.error.protocol_violation');
        else expect(parsed[0]).toBe(first);
      }),
      { numRuns: 2_000 },
    );
  });
});
