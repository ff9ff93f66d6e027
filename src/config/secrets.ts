import { resolve } from 'node:path';
import { readText, reasonOf } from './file.js';
import { dotted, type ConfigFault } from './faults.js';
import { alternatives, childrenOf, isSecretNode, jsonSchema, type SchemaNode } from './settings.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a value with references to secrets stands, and what they refer to. */
export interface SecretSource {
  /** The file, variable or flag, for faults. */
  readonly name: string;
  /** Files of secrets are relative to it. */
  readonly folder: string;
  readonly environment: Environment;
}

/** Paths of secrets that could not be read. The schema misses them too, which is no further fault. */
export type UnreadSecrets = (readonly PropertyKey[])[];

const VARIABLE = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/;
const MAX_SECRET_BYTES = 65_536;

/**
 * Puts secrets in the place of what refers to them: of `${NAME}`, where a secret may stand, the environment variable; of
 * `ticketFile` the `ticket` that is in this file. The schema decides what a secret is, and bounds the depth.
 */
export class SecretReader {
  readonly #source: SecretSource;
  readonly #faults: ConfigFault[];
  readonly #unread: UnreadSecrets;

  constructor(source: SecretSource, faults: ConfigFault[], unread: UnreadSecrets) {
    this.#source = source;
    this.#faults = faults;
    this.#unread = unread;
  }

  /** A copy of the value at `path`, in which secrets stand in the place of references. */
  read(value: unknown, path: readonly PropertyKey[]): unknown {
    let schemas: readonly SchemaNode[] = [jsonSchema()];
    for (const step of path) schemas = childrenOf(schemas, step);
    return this.#read(value, schemas, path);
  }

  #read(value: unknown, schemas: readonly SchemaNode[], path: readonly PropertyKey[]): unknown {
    if (schemas.length === 0) return value;
    if (typeof value === 'string')
      return schemas.flatMap(alternatives).some(isSecretNode) ? this.#fromEnvironment(value, path) : value;
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value))
      return value.map((one, index) => this.#read(one, childrenOf(schemas, index), [...path, index]));
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, one]: [string, unknown]) => {
        const inner = childrenOf(schemas, key);
        const secret = inner.find(({ secretInFile }) => secretInFile !== undefined)?.secretInFile;
        if (secret === undefined) return [[key, this.#read(one, inner, [...path, key])] as const];
        const text = this.#fromFile(one, [...path, key], Object.hasOwn(value, secret) ? secret : undefined);
        if (text === undefined) this.#unread.push([...path, secret]);
        return text === undefined ? [] : [[secret, text] as const];
      }),
    );
  }

  #fromEnvironment(text: string, path: readonly PropertyKey[]): string | undefined {
    const [, name] = VARIABLE.exec(text) ?? [];
    if (name === undefined) return text;
    const value = this.#source.environment[name] ?? '';
    if (value !== '') return value;
    this.#fault(path, `the environment variable ${name} is not set`);
    this.#unread.push(path);
    return undefined;
  }

  #fromFile(file: unknown, path: readonly PropertyKey[], rival: string | undefined): string | undefined {
    if (rival !== undefined) this.#fault(path, `${rival} is set too: set one of them`);
    else if (typeof file !== 'string' || file === '') this.#fault(path, 'Invalid input: expected the name of a file');
    else {
      try {
        return withoutLineEnd(readText(resolve(this.#source.folder, file), MAX_SECRET_BYTES));
      } catch (error) {
        this.#fault(path, `${file} cannot be read: ${reasonOf(error)}`);
      }
    }
    return undefined;
  }

  #fault(path: readonly PropertyKey[], message: string): void {
    this.#faults.push({ path: dotted(path), message, source: this.#source.name });
  }
}

/** The line end behind a secret in a file belongs to the editor. */
export function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, '');
}
