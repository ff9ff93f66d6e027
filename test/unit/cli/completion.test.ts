import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { COMPLETED_COMMANDS } from '../../../src/cli/completed-commands.js';
import { completionScript, SHELLS } from '../../../src/cli/completion.js';
import { HELP } from '../../../src/cli/help.js';

/** The proposals of bash for a line whose last word is being typed. */
function proposals(...words: string[]): string[] {
  const script = `${completionScript('bash', COMPLETED_COMMANDS)}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _gantry; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '');
}

describe('completion', () => {
  it('knows every command and option of the help', () => {
    const names = COMPLETED_COMMANDS.map(({ name }) => name);
    const options = new Set(COMPLETED_COMMANDS.flatMap((command) => command.options.map(({ name }) => name)));
    const commands = [...HELP.matchAll(/^ {2}gantry \[?([a-z-]+)/gm)].map(([, name]) => name!);
    expect(commands.length).toBeGreaterThan(12);
    expect(commands.filter((name) => !names.includes(name))).toEqual([]);
    const shown = [...HELP.matchAll(/--([a-z-]+)/g)].map(([, name]) => name!);
    expect(shown.filter((name) => !options.has(name) && !['help', 'version'].includes(name))).toEqual([]);
  });

  it('proposes commands, options, values and files in bash', () => {
    expect(proposals('gantry', 'ca')).toEqual(['call']);
    expect(proposals('gantry', 'c').sort()).toEqual(['call', 'check', 'completion', 'config', 'convert', 'cra-key']);
    expect(proposals('gantry', 'call', '--pr')).toEqual([
      '--progress',
      '--private-key',
      '--private-key-file',
      '--profile',
      '--profiles-file',
    ]);
    expect(proposals('gantry', 'call', '--serializer', 'm')).toEqual(['msgpack']);
    expect(proposals('gantry', 'subscribe', '--match', '')).toEqual(['exact', 'prefix', 'wildcard']);
    expect(proposals('gantry', 'start', '--config', '/etc/host').length).toBeGreaterThan(0);
    expect(proposals('gantry', 'completion', '')).toEqual([...SHELLS]);
    expect(proposals('gantry', 'bench', '').slice(0, 2)).toEqual(['call', 'publish']);
    expect(proposals('gantry', 'meta', 'session.k')).toEqual([
      'session.kill',
      'session.kill_by_authid',
      'session.kill_by_authrole',
      'session.kill_all',
    ]);
    expect(proposals('gantry', 'nonsense', '')).toEqual([]);
  });

  it.each(SHELLS)('is a script without faults for %s', (shell) => {
    const script = completionScript(shell, COMPLETED_COMMANDS);
    for (const name of ['call', 'keygen']) expect(script).toContain(name);
    const { error, status, stderr } = spawnSync(shell, ['-n'], { input: script, encoding: 'utf8' });
    // Not every machine has every shell.
    if (error === undefined) expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
