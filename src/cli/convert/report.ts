/** One thing of the foreign configuration that is not, or not exactly, in the result. */
export interface Note {
  /** Where it stands: `workers[0].transports[1].auth`. */
  readonly path: string;
  readonly text: string;
  /** It decides who may connect, who somebody is, or what they may do. */
  readonly isSecurity: boolean;
}

export class Report {
  readonly notes: Note[] = [];

  note(path: string, text: string): void {
    this.notes.push({ path, text, isSecurity: false });
  }

  security(path: string, text: string): void {
    this.notes.push({ path, text, isSecurity: true });
  }

  /** A part that was left out. `isSecurity`: it has principals or permissions. */
  left(path: string, text: string, isSecurity: boolean): void {
    this.notes.push({ path, text, isSecurity });
  }
}

/** A dict of the foreign configuration. Every key of it is read, or reported. */
export class Section {
  readonly path: string;
  readonly report: Report;
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #unread: Set<string>;

  constructor(value: unknown, path: string, report: Report) {
    this.path = path;
    this.report = report;
    const isDict = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isDict) report.security(path, 'is not a dict and was left out');
    this.#values = new Map(isDict ? Object.entries(value) : []);
    this.#unread = new Set(this.#values.keys());
  }

  at(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  keys(): readonly string[] {
    return [...this.#values.keys()];
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  take(key: string): unknown {
    this.#unread.delete(key);
    return this.#values.get(key);
  }

  text(key: string): string | undefined {
    return this.#typed(key, 'text', (value) => (typeof value === 'string' ? value : undefined));
  }

  flag(key: string): boolean | undefined {
    return this.#typed(key, 'true or false', (value) => (typeof value === 'boolean' ? value : undefined));
  }

  /** A whole number that is not negative. */
  count(key: string): number | undefined {
    return this.#typed(key, 'a whole number', (value) =>
      typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined,
    );
  }

  list(key: string): readonly unknown[] {
    return this.#typed(key, 'a list', (value) => (Array.isArray(value) ? (value as unknown[]) : undefined)) ?? [];
  }

  sections(key: string): readonly Section[] {
    return this.list(key).map((one, index) => new Section(one, `${this.at(key)}[${index}]`, this.report));
  }

  section(key: string): Section | undefined {
    if (!this.has(key)) return undefined;
    return new Section(this.take(key), this.at(key), this.report);
  }

  /** Reports keys that are there as not converted, each for the same reason. */
  leave(reason: string, ...keys: readonly string[]): void {
    for (const key of keys) if (this.has(key)) this.#leave(key, reason, false);
  }

  leaveSecurity(reason: string, ...keys: readonly string[]): void {
    for (const key of keys) if (this.has(key)) this.#leave(key, reason, true);
  }

  /** Reports the keys that nothing has read. */
  end(isSecurity = false): void {
    for (const key of [...this.#unread]) this.#leave(key, 'is not known to the converter', isSecurity);
  }

  #leave(key: string, reason: string, isSecurity: boolean): void {
    this.#unread.delete(key);
    this.report.notes.push({ path: this.at(key), text: reason, isSecurity });
  }

  #typed<Value>(key: string, kind: string, read: (value: unknown) => Value | undefined): Value | undefined {
    if (!this.has(key)) return undefined;
    const value = read(this.take(key));
    if (value === undefined) this.report.security(this.at(key), `is not ${kind} and was left out`);
    return value;
  }
}
