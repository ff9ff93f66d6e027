import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

it('the package holds the router, its console and its demo, and nothing of the bench, the tests or the compiler', () => {
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: root, encoding: 'utf8', stdio: 'pipe' }),
  );
  const paths: string[] = packed.files.map((file: { path: string }) => file.path);
  for (const path of [
    manifest.bin.gantry,
    'dist/demo/public/index.html',
    'dist/demo/public/vendor/autobahn.min.js',
    ...readdirSync(join(root, 'src/console/public')).map((name) => `dist/console/public/${name}`),
  ])
    expect(paths).toContain(path);
  expect(paths.filter((path) => path.endsWith('.map'))).toEqual([]);
  expect(paths.filter((path) => !/^(dist\/(?!\.|bench)|[^/]+$)/.test(path))).toEqual([]);
});

it('the command runs as npm links it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-bin-'));
  try {
    const link = join(folder, 'gantry');
    symlinkSync(join(root, manifest.bin.gantry), link);
    expect(readFileSync(link, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(execFileSync(process.execPath, [link, '--version'], { encoding: 'utf8' })).toBe(`${manifest.version}\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('the router does not load the native part of msgpackr', () => {
  const script = `import('./dist/backplane/packr.js').then(({ unpack }) => {
    unpack(Uint8Array.of(0x90));
    const loaded = process.report.getReport().sharedObjects.filter((name) => name.includes('msgpackr'));
    process.stdout.write(JSON.stringify(loaded));
  })`;
  expect(execFileSync(process.execPath, ['-e', script], { cwd: root, encoding: 'utf8' })).toBe('[]');
});
