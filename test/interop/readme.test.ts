import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endingWithUs } from '../support/children.js';
import { gantry, GantryProcess } from '../support/gantry-process.js';
import { findPython } from '../support/python.js';
import { root } from '../support/root.js';

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const PYTHON = findPython();
// Node.js 20 has no WebSocket of its own.
const WEBSOCKET = "import WebSocket from 'ws';\nglobalThis.WebSocket ??= WebSocket;\n";

/** The last piece of this language: the others are about something else. */
function piece(language: string): string {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].at(-1)?.[1] ?? '';
}

const [, script = ''] = /<script>\n(.*?)<\/script>/s.exec(piece('html')) ?? [];
const node = [process.execPath, '--input-type=module', '--eval'] as const;
const programs: (readonly [name: string, words: readonly string[]])[] = [
  ['a page with autobahn, in Node.js', [...node, `${WEBSOCKET}import autobahn from 'autobahn';\n${script}`]],
  ['wampy', [...node, piece('js')]],
];
if (PYTHON !== undefined) programs.push(['Python', [PYTHON, '-c', piece('python')]]);

describe('what README.md shows', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-readme-'));
  let router: GantryProcess;
  let url: string;

  beforeAll(async () => {
    router = new GantryProcess(['start', '--port', '0', '--ops-port', '0']);
    url = await router.ready();
  });
  afterAll(async () => {
    router.signal('SIGTERM');
    await router.exit;
    rmSync(folder, { recursive: true });
  });

  it.each(programs)('is a program that calls itself: %s', async (_name, words) => {
    const [program = '', ...rest] = words.map((word) => word.replace('ws://127.0.0.1:8080/ws', url));
    const child = endingWithUs(spawn(program, rest, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] }));
    const ended = new Promise((resolve) => child.once('close', resolve));
    let text = '';
    await new Promise<void>((resolve, reject) => {
      const read = (data: Buffer): void => {
        text += data.toString();
        if (text.includes('2 + 3 = 5')) resolve();
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      void ended.then(() => reject(new Error(text)));
    });
    child.kill();
    // The next program registers the same procedure, which must be free again.
    await ended;
  });

  it('is a configuration without a fault, and commands that read it', async () => {
    const file = join(folder, 'gantry.yaml');
    writeFileSync(file, piece('yaml'));
    expect(await gantry(['check', file])).toMatchObject({ code: 0 });
    expect((await gantry(['config', '--config', file])).stdout).toContain('https://app.example.com');
    expect((await gantry(['config', '--env'])).stdout).toContain('GANTRY_LISTEN_PORT');
  });
});
