import type { ClientCommand } from './context.js';
import type { CommandFlag } from './flags.js';

const COLUMN = 30;

/** The help of one command. */
export function helpOf(
  { name, usage, summary, flags, notes, isLocal }: ClientCommand,
  shared: readonly CommandFlag[],
): string {
  return [
    `gantry ${name}: ${summary}`,
    '',
    `usage: gantry ${name} ${usage} [options]`,
    ...(notes === undefined ? [] : ['', notes]),
    '',
    'options:',
    ...flags.map(line),
    '',
    isLocal === true ? 'also:' : 'connection:',
    ...shared.map(line),
    '',
    'exit codes:',
    '  0  done        1  a WAMP error, its URI on standard error        2  wrong usage        3  not connected',
    '',
  ].join('\n');
}

function line({ name, short, value, help }: CommandFlag): string {
  const words = `  ${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
  return `${words.padEnd(COLUMN)} ${help}`;
}
