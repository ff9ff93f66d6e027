import { describe, expect, it } from 'vitest';
import { parseArguments, UsageError } from '../../../src/cli/arguments.js';

const NOTHING = { file: undefined, overrides: [] };

describe('commands', () => {
  it('starts when nothing else is asked', () => {
    expect(parseArguments([])).toEqual({ kind: 'start', sources: NOTHING });
    expect(parseArguments(['start'])).toEqual({ kind: 'start', sources: NOTHING });
  });
  it('checks the named file, or the configured one', () => {
    expect(parseArguments(['check', 'a.yaml'])).toEqual({ kind: 'check', sources: { file: 'a.yaml', overrides: [] } });
    expect(parseArguments(['check', '-c', 'a.yaml'])).toMatchObject({ kind: 'check', sources: { file: 'a.yaml' } });
    expect(parseArguments(['check'])).toEqual({ kind: 'check', sources: NOTHING });
  });
  it('shows the configuration, its schema or its variables', () => {
    expect(parseArguments(['config'])).toEqual({ kind: 'config', form: 'effective', sources: NOTHING });
    expect(parseArguments(['config', '--schema'])).toMatchObject({ form: 'schema' });
    expect(parseArguments(['--env', 'config'])).toMatchObject({ form: 'env' });
  });
  it('converts a configuration of Crossbar.io', () => {
    expect(parseArguments(['convert', 'crossbar', 'a.json'])).toEqual({ kind: 'convert', file: 'a.json' });
    for (const words of [[], ['crossbar'], ['a.json'], ['nexus', 'a.json'], ['crossbar', 'a', 'b']])
      expect(() => parseArguments(['convert', ...words])).toThrow(UsageError);
    expect(() => parseArguments(['convert', 'crossbar', 'a.json', '--port', '1'])).toThrow(/reads no configuration/);
  });
  it('leaves the words of a client to that client', () => {
    const words = ['com.a', '--port', '-1', '--help'];
    expect(parseArguments(['call', ...words])).toEqual({ kind: 'client', name: 'call', words });
    expect(() => parseArguments(['--port', '1', 'call'])).toThrow('"call" comes before its options: gantry call …');
  });
  it('helps and prints its version, whatever else is there', () => {
    for (const words of [['--help'], ['-h'], ['help'], ['start', '--help']]) {
      expect(parseArguments(words)).toEqual({ kind: 'help' });
    }
    for (const words of [['--version'], ['-v'], ['version']])
      expect(parseArguments(words)).toEqual({ kind: 'version' });
  });
});

describe('commands that make credentials', () => {
  it('have defaults', () => {
    expect(parseArguments(['keygen'])).toEqual({ kind: 'keygen', out: undefined });
    expect(parseArguments(['hash-ticket'])).toEqual({ kind: 'hash-ticket' });
    expect(parseArguments(['cra-key'])).toEqual({ kind: 'cra-key', salt: undefined, iterations: 10_000, keylen: 32 });
    const scram = { kind: 'scram-keys', salt: undefined };
    expect(parseArguments(['scram-keys', '--dialect', 'wamp-scram'])).toEqual({
      ...scram,
      dialect: 'wamp-scram',
      kdf: 'pbkdf2',
      iterations: 600_000,
      memoryKiB: undefined,
    });
    expect(parseArguments(['scram-keys', '--dialect', 'scram'])).toEqual({
      ...scram,
      dialect: 'scram',
      kdf: 'argon2id',
      iterations: 3,
      memoryKiB: 65_536,
    });
  });

  const wrong: [words: string[], message: string][] = [
    [['start', '--out', 'x'], '--out belongs to: gantry keygen'],
    [['hash-ticket', '--salt', 'x'], '--salt belongs to: gantry cra-key, gantry scram-keys'],
    [['keygen', '--port', '1'], 'gantry keygen reads no configuration'],
    [['keygen', '--config', 'x'], 'gantry keygen reads no configuration'],
    [['cra-key', '--iterations', '0'], '--iterations wants a whole number from 1 to 10000000'],
    [['cra-key', '--iterations', '1e3'], '--iterations wants a whole number from 1 to 10000000'],
    [['cra-key', '--keylen', '30'], '--keylen wants a multiple of 4'],
    [['cra-key', '--salt', 'ä'], '--salt of cra-key wants 1 to 255 printable characters of ASCII'],
    [['scram-keys'], 'name the dialect: --dialect wamp-scram, or --dialect scram for autobahn-python and Crossbar.io'],
    [['scram-keys', '--dialect', 'scram', '--kdf', 'pbkdf2'], 'clients of the dialect scram know argon2id only'],
    [['scram-keys', '--dialect', 'scram', '--kdf', 'x'], '--kdf wants pbkdf2 or argon2id'],
    [['scram-keys', '--dialect', 'wamp-scram', '--memory-kib', '8'], '--memory-kib belongs to argon2id'],
    [
      ['scram-keys', '--dialect', 'wamp-scram', '--salt', 'abc'],
      '--salt of scram-keys wants 8 to 64 bytes as hexadecimal digits',
    ],
    [['hash-ticket', 'sesame'], 'gantry hash-ticket takes no further argument: it reads secrets from standard input'],
  ];
  for (const [words, message] of wrong) {
    it(`refuse: gantry ${words.join(' ')}`, () => {
      expect(() => parseArguments(words)).toThrow(new UsageError(message));
    });
  }
});

describe('settings', () => {
  it('puts the shortcuts after --set, so that they win', () => {
    const words = ['--port', '1', '--set', 'listen.port=2', '--host=h', '--ops-port', '3', '--log-level', 'debug'];
    expect(parseArguments(words)).toEqual({
      kind: 'start',
      sources: {
        file: undefined,
        overrides: [
          { path: 'listen.port', text: '2', flag: '--set listen.port' },
          { path: 'listen.host', text: 'h', flag: '--host' },
          { path: 'listen.port', text: '1', flag: '--port' },
          { path: 'ops.port', text: '3', flag: '--ops-port' },
          { path: 'log.level', text: 'debug', flag: '--log-level' },
        ],
      },
    });
  });
  it('splits --set at the first equals sign', () => {
    expect(parseArguments(['--set', 'listen.path=/a=b'])).toMatchObject({
      sources: { overrides: [{ path: 'listen.path', text: '/a=b' }] },
    });
  });
});

describe('wrong usage', () => {
  const wrong: [words: string[], message: string][] = [
    [['strat'], 'there is no command "strat", did you mean "start"?'],
    [['start', 'now'], '"now" is one argument too many'],
    [['check', 'a', 'b'], '"b" is one argument too many'],
    [['check', 'a', '--config', 'b'], 'name the file once: gantry check FILE'],
    [['config', 'x'], '"x" is one argument too many'],
    [['config', '--env', '--schema'], 'choose one of --schema and --env'],
    [['start', '--schema'], '--schema and --env belong to: gantry config'],
    [['--prot', '1'], 'there is no option "--prot", did you mean "--port"?'],
    [['--listen.port', '1'], 'there is no option "--listen.port", write: --set listen.port=VALUE'],
    [['--set', 'listen.port'], '--set wants path=value, got "listen.port"'],
    [['--set', '=1'], '--set wants path=value, got "=1"'],
    [['--port'], "Option '--port <value>' argument missing"],
    [['--help=1'], "Option '-h, --help' does not take an argument"],
  ];
  for (const [words, message] of wrong) {
    it(`has a usage error for: gantry ${words.join(' ')}`, () => {
      expect(() => parseArguments(words)).toThrow(new UsageError(message));
    });
  }
});
