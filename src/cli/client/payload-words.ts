import type { Values } from '../../codec/payload-values.js';
import { UsageError } from '../usage-error.js';
import type { ClientContext } from './context.js';
import { readAllInput } from './input.js';
import type { CommandFlag, Words } from './flags.js';
import { dictOf, valueOf } from './values.js';

export function payloadFlags(options: string): readonly CommandFlag[] {
  return [
    { name: 'kwarg', short: 'k', value: 'KEY=VALUE', isRepeatable: true, help: 'keyword argument; repeatable' },
    optionFlag(options),
  ];
}

/** `dict`: of the message that the command sends. */
export function optionFlag(dict: string): CommandFlag {
  return { name: 'option', short: 'o', value: 'KEY=VALUE', isRepeatable: true, help: `entry of ${dict}; repeatable` };
}

/** Arguments from words, of which one may be `-`: the value on standard input. Errors: UsageError, ClientError. */
export async function payloadWords(words: Words, texts: readonly string[], context: ClientContext): Promise<Values> {
  const kwargs = dictOf('--kwarg', words.list('kwarg'));
  if (texts.filter((text) => text === '-').length > 1) throw new UsageError('standard input is only one argument');
  const args: unknown[] = [];
  for (const text of texts)
    args.push(valueOf(text === '-' ? inputWord(await readAllInput(context.input(), context.interrupted)) : text));
  return { args, kwargs };
}

/** Without the line end behind it. */
function inputWord(text: string): string {
  return text.replace(/\r?\n$/, '');
}
