import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endingWithUs } from '../support/children.js';
import { freePort } from '../support/free-port.js';
import { root } from '../support/root.js';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'gantry-package-')));
afterAll(() => rmSync(folder, { recursive: true }));

interface Locked {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

/** Unpacks what `npm pack` makes into a folder `package`. */
function unpack(into: string): void {
  const [{ filename }] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
      cwd: root,
      encoding: 'utf8',
      stdio: 'pipe',
    }),
  );
  execFileSync('tar', ['xzf', join(folder, filename)], { cwd: into });
}

/** What `npm install` of the package would put there, by the lock file, without asking a registry. */
function install(): string {
  unpack(folder);
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

describe('the types of the configuration', () => {
  const project = join(folder, 'types');
  const declarations = join(project, 'node_modules/gantry/dist/config/types.d.ts');

  /** What the compiler reports about a program that imports the package, which has no dependency with it. */
  const complaints = (program: string, ...words: readonly string[]): string => {
    const file = join(project, 'program.ts');
    writeFileSync(file, program);
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', ...words];
    const { stdout } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...options, file], {
      cwd: project,
      encoding: 'utf8',
    });
    return stdout;
  };

  beforeAll(() => {
    mkdirSync(join(project, 'node_modules'), { recursive: true });
    writeFileSync(join(project, 'package.json'), '{"type":"module"}');
    unpack(join(project, 'node_modules'));
    renameSync(join(project, 'node_modules/package'), join(project, 'node_modules/gantry'));
  });

  const CONFIGURATIONS = `
    import type { GantryConfig } from 'gantry/config';
    export const empty: GantryConfig = {};
    export const right: GantryConfig = {
      listen: { port: 8080, path: ['/ws', '/wamp'] },
      listeners: [{ type: 'rawsocket', port: 8081 }, { type: 'websocket', port: 8082, longPoll: {}, authMethods: [] }],
      processes: 'auto',
      realms: [
        {
          name: 'realm1',
          anonymousRole: null,
          roles: [{ name: 'web', permissions: [{ uri: 'com.', match: 'prefix', allow: { call: true } }] }],
          auth: { ticket: { principals: { joe: { ticket: 'a ticket', role: 'web' } } } },
        },
      ],
      web: { paths: { '/': { type: 'redirect', url: '/x' }, '/v': { type: 'json', value: [1, { a: null }] } } },
    };`;
  const WRONG = [
    "{ listen: { port: '8080' } }",
    '{ listen: { prot: 8080 } }',
    "{ listeners: [{ type: 'telnet', port: 1 }] }",
    "{ listeners: [{ type: 'websocket' }] }",
    "{ processes: 'many' }",
    "{ realms: [{ name: 'r', roles: [{ name: 'web', permissions: [{ uri: '', match: 'glob' }] }] }] }",
    '{ realms: [{ roles: [] }] }',
    "{ web: { paths: { '/': { type: 'redirect' } } } }",
  ];

  it('accept a right configuration, and no wrong one', () => {
    const wrong = WRONG.map((one, index) => `// @ts-expect-error\nexport const wrong${index}: GantryConfig = ${one};`);
    expect(complaints([CONFIGURATIONS, ...wrong].join('\n'))).toBe('');
  });

  it('are those of the schema, need no other package, and describe each setting', () => {
    const text = readFileSync(declarations, 'utf8');
    expect(text).not.toMatch(/zod|import/);
    expect(text).toContain('* Number of sessions');
    const schema = JSON.stringify(join(root, 'src/config/schema.js'));
    const program = `
      import type { GantryConfig } from 'gantry/config';
      import type { ConfigInput } from ${schema};
      type Frozen<T> = T extends readonly (infer E)[] ? readonly Frozen<E>[]
        : T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;
      export const there = (config: ConfigInput): GantryConfig => config;
      export const back = (config: GantryConfig): Frozen<ConfigInput> => config;`;
    const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node'];
    expect(complaints(program, '--skipLibCheck', ...types)).toBe('');
  });
});
