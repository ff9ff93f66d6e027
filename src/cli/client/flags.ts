import { didYouMean } from '../../config/suggest.js';
import { UsageError } from '../usage-error.js';

/** One option of a command. */
export interface CommandFlag {
  readonly name: string;
  readonly short?: string;
  /** The name of the value in the help; absent: the option has no value. */
  readonly value?: string;
  readonly isRepeatable?: boolean;
  readonly help: string;
  /** Values that a shell may propose. */
  readonly choices?: readonly string[];
  /** A shell may propose names of files. */
  readonly isFile?: boolean;
}

/** The words of a command, taken apart. */
export class Words {
  readonly positionals: readonly string[];
  /** The words behind `--`; undefined: there is none. */
  readonly rest: readonly string[] | undefined;
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(
    positionals: readonly string[],
    rest: readonly string[] | undefined,
    values: ReadonlyMap<string, readonly string[]>,
  ) {
    this.positionals = positionals;
    this.rest = rest;
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  text(name: string): string | undefined {
    return this.#values.get(name)?.[0];
  }

  list(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** A number, whole or not. Errors: UsageError. */
  number(name: string, usual: number, least: number, most: number): number {
    const text = this.text(name);
    if (text === undefined) return usual;
    const value = /^\d{1,9}(\.\d{1,3})?$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    throw new UsageError(`--${name} wants a number from ${least} to ${most}`);
  }

  count(name: string, usual: number, most: number): number {
    const value = this.number(name, usual, 1, most);
    if (Number.isInteger(value)) return value;
    throw new UsageError(`--${name} wants a whole number`);
  }
}

/** Options may stand anywhere before `--`. A negative number is no option, nor is `-`. Errors: UsageError. */
export function parseWords(words: readonly string[], flags: readonly CommandFlag[]): Words {
  const positionals: string[] = [];
  const values = new Map<string, string[]>();
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '--') return new Words(positionals, words.slice(at + 1), values);
    if (!/^-[^\d.]/.test(word)) {
      positionals.push(word);
      continue;
    }
    const [, name = '', inline] = /^(-[^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    const flag = flags.find((one) => name === `--${one.name}` || name === `-${one.short ?? ''}`);
    if (flag === undefined) {
      const known = flags.map((one) => `--${one.name}`);
      throw new UsageError(`there is no option "${name}"${didYouMean(name, known)}`);
    }
    if (flag.value === undefined && inline !== undefined) throw new UsageError(`${name} has no value`);
    const value = flag.value === undefined ? '' : (inline ?? words[++at]);
    if (value === undefined) throw new UsageError(`${name} wants a value: ${name} ${flag.value ?? ''}`);
    const given = values.get(flag.name) ?? [];
    if (given.length > 0 && flag.isRepeatable !== true) throw new UsageError(`${name} is there twice`);
    values.set(flag.name, [...given, value]);
  }
  return new Words(positionals, undefined, values);
}
