import { describe, expect, it } from 'vitest';
import { parseWords, type CommandFlag } from '../../../../src/cli/client/flags.js';
import { dictOf, payloadOfLine, valueOf } from '../../../../src/cli/client/values.js';
import { UsageError } from '../../../../src/cli/usage-error.js';

const FLAGS: readonly CommandFlag[] = [
  { name: 'realm', value: 'NAME', help: '' },
  { name: 'kwarg', short: 'k', value: 'KEY=VALUE', isRepeatable: true, help: '' },
  { name: 'first', help: '' },
];

describe('words of a client command', () => {
  it('are options wherever they stand, and positionals', () => {
    const words = parseWords(['com.a', '--realm', 'x', '1', '-k', 'a=1', '--first', '--kwarg=b==2'], FLAGS);
    expect(words.positionals).toEqual(['com.a', '1']);
    expect([words.text('realm'), words.list('kwarg'), words.has('first'), words.rest]).toEqual([
      'x',
      ['a=1', 'b==2'],
      true,
      undefined,
    ]);
  });
  it('are no options when they are negative numbers, a dash, or behind --', () => {
    const words = parseWords(['-1', '-.5', '-', '--', '--realm', '--', '-x'], FLAGS);
    expect(words.positionals).toEqual(['-1', '-.5', '-']);
    expect(words.rest).toEqual(['--realm', '--', '-x']);
  });
  it('are a UsageError when they make no sense', () => {
    for (const words of [['--relm'], ['-x'], ['--realm'], ['--first=1'], ['--realm', 'a', '--realm', 'b']])
      expect(() => parseWords(words, FLAGS), words.join(' ')).toThrow(UsageError);
  });
});

describe('arguments', () => {
  it.each([
    ['1', 1],
    ['-2', -2],
    ['1.5', 1.5],
    ['true', true],
    ['null', null],
    ['"5"', '5'],
    ['[1,"a"]', [1, 'a']],
    ['{"a": {}}', { a: {} }],
  ])('that look like JSON are JSON: %s', (word, value) => {
    expect(valueOf(word)).toEqual(value);
  });
  it.each(['', 'text', '007', '+5', '1.', '.5', '0x10', 'True', 'NaN', '1 2', "'5'", '2026-01-01'])(
    'are text otherwise: %s',
    (word) => {
      expect(valueOf(word)).toBe(word);
    },
  );
  it.each(['{', '[1', '"a', '{a: 1}', '1e999'])('that only begin like JSON are refused: %s', (word) => {
    expect(() => valueOf(word)).toThrow(UsageError);
  });
  it('with keys are a dict', () => {
    expect(dictOf('-k', ['a=1', 'b=x=y', 'c=', '__proto__=1'])).toEqual(
      Object.fromEntries([
        ['a', 1],
        ['b', 'x=y'],
        ['c', ''],
        ['__proto__', 1],
      ]),
    );
    expect(() => dictOf('-k', ['=1'])).toThrow(UsageError);
  });
  it('of a line are a list, a dict, or one value', () => {
    expect(payloadOfLine('[1,2]')).toEqual({ args: [1, 2], kwargs: {} });
    expect(payloadOfLine('{"a":1}')).toEqual({ args: [], kwargs: { a: 1 } });
    expect(payloadOfLine('"x"')).toEqual({ args: ['x'], kwargs: {} });
    expect(payloadOfLine('x')).toBeUndefined();
  });
});
