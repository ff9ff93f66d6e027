/** One thing that is wrong with the configuration. */
export interface ConfigFault {
  /** The path of the setting; or the variable, flag or file where no setting is meant. */
  readonly path: string;
  readonly message: string;
  /** The file, variable or flag that the value came from. Absent: a default, or `path` shows it. */
  readonly source?: string | undefined;
}

/** The configuration cannot be used. Holds every fault found, not only the first. Operational: mend it and start again. */
export class ConfigUnusableError extends Error {
  override readonly name = 'ConfigUnusableError';
  readonly code = 'CONFIG_UNUSABLE';
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(['configuration is not usable:', ...faults.map(line)].join('\n'));
    this.faults = faults;
  }

  /** Each fault as one line. */
  get lines(): readonly string[] {
    return this.faults.map((fault) => line(fault).trim());
  }
}

function line({ path, message, source }: ConfigFault): string {
  return `  ${path === '' ? 'configuration' : path}: ${message}${source === undefined ? '' : ` (from ${source})`}`;
}

/** `realms[0].roles[1].name` */
export function dotted(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += `${text === '' ? '' : '.'}${String(step)}`;
  }
  return text;
}
