import { execFileSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/**
 * A headless Chromium: `GANTRY_TEST_CHROMIUM`, else one on the PATH, else, as root of a Debian or Ubuntu, one that is
 * installed first. Throws one sentence with the remedy.
 */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium(),
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Once, before tests: has one installed where that is the only way to get one. Rejects with one sentence. */
// eslint-disable-next-line @typescript-eslint/require-await -- so that what it throws is a rejection
export async function prepareChromium(): Promise<void> {
  findChromium();
}

function findChromium(): string {
  return chosen() ?? onPath() ?? installed();
}

function chosen(): string | undefined {
  const path = process.env['GANTRY_TEST_CHROMIUM'];
  if (path === undefined || path === '') return undefined;
  if (!isExecutable(path)) throw new Error(`GANTRY_TEST_CHROMIUM is ${path}, which cannot be executed`);
  return path;
}

function onPath(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function installed(): string {
  if (!mayInstall()) throw new Error(`no Chromium was found: ${WHAT_TO_DO}`);
  try {
    execFileSync('apt-get', ['update'], { stdio: 'ignore' });
    execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], { stdio: 'ignore' });
  } catch (cause) {
    throw new Error(`apt-get could not install Chromium: ${WHAT_TO_DO}`, { cause });
  }
  const path = onPath();
  if (path === undefined) throw new Error(`apt-get installed no Chromium on the PATH: ${WHAT_TO_DO}`);
  return path;
}

const WHAT_TO_DO = 'install Chromium or Chrome, or set GANTRY_TEST_CHROMIUM to its path';

function mayInstall(): boolean {
  try {
    return process.getuid?.() === 0 && /^(ID|ID_LIKE)=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
