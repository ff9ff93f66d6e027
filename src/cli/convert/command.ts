import { dirname } from 'node:path';
import { ConfigUnusableError, type ConfigFault } from '../../config/faults.js';
import { readConfigFile } from '../../config/file.js';
import { parseConfig } from '../../config/load.js';
import { renderYaml } from '../../config/render.js';
import { ExitCode } from '../exit-code.js';
import { oneLine } from '../one-line.js';
import { convertCrossbar } from './crossbar.js';
import type { Note } from './report.js';

/** Converts a file to YAML for standard output. Errors: ConfigUnusableError, when the file cannot be read. */
export function convertFile(file: string): { readonly text: string; readonly code: ExitCode } {
  const faults: ConfigFault[] = [];
  const input = readConfigFile(file, faults);
  if (faults.length > 0) throw new ConfigUnusableError(faults);
  const { config, notes } = convertCrossbar(input, dirname(file));
  const all = [...notes, ...remaining(config)];
  const text = [`# Converted from ${file}. Check it with: gantry check`, ...comments(all), '', renderYaml(config)].join(
    '\n',
  );
  return { text, code: all.some(({ isSecurity }) => isSecurity) ? ExitCode.USAGE : ExitCode.DONE };
}

/** Values that were copied, and that Gantry does not take. */
function remaining(config: object): readonly Note[] {
  try {
    parseConfig(config);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigUnusableError)) throw error;
    return error.faults.map(({ path, message }) => ({ path, text: `${message} (in the result)`, isSecurity: true }));
  }
}

/** Names come from the file, and must not end the comment. */
function comments(notes: readonly Note[]): readonly string[] {
  const part = (title: string, isSecurity: boolean): readonly string[] => {
    const own = notes.filter((note) => note.isSecurity === isSecurity);
    return own.length === 0
      ? []
      : ['#', `# ${title}`, ...own.map(({ path, text }) => `# - ${oneLine(path)}: ${oneLine(text)}`)];
  };
  return [
    ...part('Not converted, and decides who may do what. Review each:', true),
    ...part('Not converted, or not exactly:', false),
  ];
}
