import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ConfigUnusableError, type ConfigFault } from './faults.js';
import { reasonOf } from './file.js';
import type { Config } from './schema.js';

/** Makes sure that the certificate and key can be read and belong together. Errors: ConfigUnusableError. */
export function checkKeyPair({ listen: { tls } }: Config): void {
  if (tls === undefined) return;
  const faults: ConfigFault[] = [];
  const cert = read('certFile', tls.certFile, faults);
  const key = read('keyFile', tls.keyFile, faults);
  if (faults.length === 0) {
    try {
      createSecureContext({ cert, key, passphrase: tls.passphrase });
    } catch (error) {
      const message = `${tls.certFile} and ${tls.keyFile} cannot be used together: ${reasonOf(error)}`;
      faults.push({ path: 'listen.tls', message });
    }
  }
  if (faults.length > 0) throw new ConfigUnusableError(faults);
}

function read(name: 'certFile' | 'keyFile', file: string, faults: ConfigFault[]): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    faults.push({ path: `listen.tls.${name}`, message: `${file} cannot be read: ${reasonOf(error)}` });
    return undefined;
  }
}
