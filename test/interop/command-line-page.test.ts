import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { GantryProcess } from '../support/gantry-process.js';
import { root } from '../support/root.js';
import { joinAutobahn } from './clients/autobahn-client.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-page-'));
afterAll(() => rmSync(folder, { recursive: true }));

mkdirSync(join(folder, '.crossbar'));
const examples = join(root, 'test/unit/cli/convert/configurations');
copyFileSync(join(examples, '01-one-realm.json'), join(folder, '.crossbar/config.json'));

/** The `gantry` of the page. */
const shim = join(folder, 'gantry');
writeFileSync(shim, `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'dist/main.js')}" "$@"\n`);
chmodSync(shim, 0o755);

const page = readFileSync(join(root, 'docs/command-line.md'), 'utf8');
const commands = [...page.matchAll(/^```sh\n([^]*?)^```/gm)].flatMap(([, block]) =>
  block!.split('\n').filter((line) => line.includes('gantry ')),
);

it('docs/command-line.md gives commands that work', async () => {
  expect(commands.length).toBeGreaterThan(10);
  const router = new GantryProcess(['start', '--port', '0', '--ops-port', '0', '--log-level', 'warn']);
  const url = await router.ready();
  const callee = await joinAutobahn(url, 'json');
  const add = ({ args }: { args: unknown[] }): { args: unknown[] } => ({
    args: [(args as number[]).reduce((sum, one) => sum + one)],
  });
  await callee.register('com.example.add', add);
  await callee.register('com.example.steps', ({ progress }) => {
    progress({ args: [1] });
    return { args: ['done'] };
  });
  for (const name of ['greet', 'slow', 'store']) await callee.register(`com.example.${name}`, () => ({}));
  const lasting: GantryProcess[] = [];
  const environment = { GANTRY_CLIENT_URL: url };
  try {
    for (const command of commands) {
      const words = command.split(' ');
      if (words[1] === 'subscribe' || words[1] === 'register') {
        const process = new GantryProcess(words.slice(1), environment);
        lasting.push(process);
        await process.printed('stderr', /subscribed|registered/);
        continue;
      }
      const { code, stderr } = await run(command, environment);
      expect({ command, code, stderr }).toEqual({ command, code: 0, stderr: '' });
    }
    const { stdout } = await run('gantry call --first com.example.upper abc', environment);
    expect(stdout).toContain('"ARGS":["ABC"]');
    await lasting[0]!.printed('stdout', /"hello world"/);
  } finally {
    for (const process of lasting) {
      process.signal('SIGINT');
      expect((await process.exit).code).toBe(0);
    }
    await callee.leave();
    router.signal('SIGKILL');
    await router.exit;
  }
});

function run(
  command: string,
  environment: Readonly<Record<string, string>>,
): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const path = `${folder}${delimiter}${process.env['PATH'] ?? ''}`;
  return new Promise((resolve) => {
    execFile(
      '/bin/bash',
      ['--norc', '-c', command],
      { env: { ...environment, PATH: path }, cwd: folder },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    );
  });
}
