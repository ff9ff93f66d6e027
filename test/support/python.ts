import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './root.js';

const VERSION = '26.11.1';
const PACKAGE = 'autobahn[serialization,encryption,twisted]';
const BRIDGE_CLIENT = 'crossbarhttp3==1.1';
const bridgeClient = join(root, '.cache/crossbarhttp3', '1.1');
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

/** The folder with crossbarhttp3, for PYTHONPATH. Undefined: `prepareBridgeClient` could not install it. */
export function findBridgeClient(): string | undefined {
  return existsSync(join(bridgeClient, 'crossbarhttp')) ? bridgeClient : undefined;
}

/** Once, before tests: installs crossbarhttp3, which publishes and calls through an HTTP bridge. Prints a line where that fails. */
export function prepareBridgeClient(): Promise<void> {
  if (findBridgeClient() === undefined)
    try {
      const words = ['-m', 'pip', 'install', '--quiet', '--retries', '1', '--timeout', '10', '--no-deps'];
      execFileSync('python3', [...words, '--target', bridgeClient, BRIDGE_CLIENT], {
        stdio: 'ignore',
        timeout: 120_000,
      });
    } catch {
      console.info(`crossbarhttp3 is left out: pip install ${BRIDGE_CLIENT} fails`);
    }
  return Promise.resolve();
}
