import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './root.js';

const VERSION = '26.11.1';
const PACKAGE = 'autobahn[serialization,encryption,twisted]';
const environment = join(root, '.cache/autobahn-python', `${VERSION}-all`);

/** An interpreter that has autobahn: `GANTRY_TEST_PYTHON`, that of the PATH, or one that `preparePython` has made. */
export function findPython(): string | undefined {
  const chosen = process.env['GANTRY_TEST_PYTHON'];
  if (chosen !== undefined && chosen !== '') return chosen;
  return ['python3', join(environment, 'bin/python')].find(hasAutobahn);
}

/** Once, before tests: installs autobahn where there is a Python and its package registry. Prints a line where that fails. */
export function preparePython(): Promise<void> {
  if (findPython() === undefined)
    try {
      execFileSync('python3', ['-m', 'venv', environment], { stdio: 'ignore', timeout: 60_000 });
      const words = ['install', '--quiet', '--retries', '1', '--timeout', '10', `${PACKAGE}==${VERSION}`];
      execFileSync(join(environment, 'bin/pip'), words, { stdio: 'ignore', timeout: 300_000 });
    } catch {
      console.info(`autobahn-python is left out: pip install ${PACKAGE} fails; GANTRY_TEST_PYTHON names another`);
    }
  return Promise.resolve();
}

function hasAutobahn(python: string): boolean {
  try {
    execFileSync(python, ['-c', 'import autobahn.asyncio.component, cbor2, msgpack, nacl, twisted'], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}
