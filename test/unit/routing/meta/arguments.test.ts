import { describe, expect, it } from 'vitest';
import { readArguments, type Parameters } from '../../../../src/routing/meta/arguments.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';

const PARAMETERS = { session_id: 'id', reason: 'uri?', roles: 'texts?', message: 'text?', options: 'dict?' } as const;

describe('the arguments of a meta procedure', () => {
  it('are read by position', () => {
    const options = { match: 'prefix' };
    expect(readArguments(PARAMETERS, [7, 'com.reason', ['a', 'b'], 'text', options], {})).toEqual({
      session_id: 7,
      reason: 'com.reason',
      roles: ['a', 'b'],
      message: 'text',
      options,
    });
  });

  it('are read by keyword where the position is empty', () => {
    const keywords = { session_id: 8, reason: 'com.other', message: 'text' };
    expect(readArguments(PARAMETERS, [7], keywords)).toEqual({ session_id: 7, reason: 'com.other', message: 'text' });
    expect(readArguments(PARAMETERS, [], keywords)).toEqual(keywords);
  });

  it('may be absent or null where they are optional', () => {
    expect(readArguments(PARAMETERS, [7, null, null], { message: null })).toEqual({ session_id: 7 });
  });

  it('that the procedure does not have are ignored', () => {
    expect(readArguments(PARAMETERS, [7, null, null, null, null, 'more'], { colour: 'red' })).toEqual({
      session_id: 7,
    });
  });

  it.each([
    ['none', []],
    ['null', [null]],
    ['a string for an id', ['7']],
    ['an id that is none', [0]],
    ['a string for a list', [7, null, 'a']],
    ['numbers in a list of strings', [7, null, ['a', 1]]],
    ['a number for a string', [7, null, null, 5]],
    ['a list for a dict', [7, null, null, null, []]],
    ['a number for a URI', [7, 5]],
  ])('are refused: %s (SMA-4)', (_name, args) => {
    expect(readArguments(PARAMETERS, args, {})).toMatchObject({ error: ErrorUri.INVALID_ARGUMENT });
  });

  it.each(['', 'a..b', 'a b', 'a#b'])('are refused as a URI: "%s"', (reason) => {
    expect(readArguments(PARAMETERS, [7, reason], {})).toMatchObject({ error: ErrorUri.INVALID_URI });
  });

  it('are not those that every object has', () => {
    expect(readArguments({ constructor: 'text?' } as Parameters, [], {})).toEqual({});
  });
});
