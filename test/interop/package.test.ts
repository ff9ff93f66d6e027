import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { once } from 'node:events';
import { afterAll, expect, it } from 'vitest';
import { endingWithUs } from '../support/children.js';
import { freePort } from '../support/free-port.js';
import { root } from '../support/root.js';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'gantry-package-')));
afterAll(() => rmSync(folder, { recursive: true }));

interface Locked {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

/** What `npm install` of the package would put there, by the lock file, without asking a registry. */
function install(): string {
  const [{ filename }] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
      cwd: root,
      encoding: 'utf8',
      stdio: 'pipe',
    }),
  );
  execFileSync('tar', ['xzf', join(folder, filename)], { cwd: folder });
  const modules = join(folder, 'package/node_modules');
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>;
  };
  for (const [path, { dev, devOptional }] of Object.entries(packages)) {
    const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path)?.[1];
    if (name === undefined || dev === true || devOptional === true || !existsSync(join(root, path))) continue;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, path), join(modules, name));
  }
  return join(folder, 'package/dist/main.js');
}

it('the package runs outside of the repository, with nothing but its own dependencies', async () => {
  const main = install();
  const port = await freePort();
  const run = (...words: string[]): string =>
    execFileSync(process.execPath, [main, ...words], { cwd: folder, encoding: 'utf8', env: {}, stdio: 'pipe' });
  expect(run('--version')).toBe(`${JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version}\n`);
  expect(run('check')).toBe('configuration is usable\n');
  const words = ['start', '--port', String(port), '--ops-port', '0'];
  const router = endingWithUs(spawn(process.execPath, [main, ...words], { cwd: folder, env: {} }));
  const ended = once(router, 'close');
  await once(router.stdout, 'data');
  const url = `ws://127.0.0.1:${port}/ws`;
  const callee = endingWithUs(spawn(process.execPath, [main, 'register', '--url', url, 'com.example.a'], { env: {} }));
  const left = once(callee, 'close');
  await once(callee.stderr, 'data');
  expect(run('call', '--url', url, 'com.example.a', '5')).toBe('{"args":[5],"kwargs":{}}\n');
  callee.kill('SIGINT');
  expect(await left).toEqual([0, null]);
  router.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});
