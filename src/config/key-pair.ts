import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ConfigUnusableError, type ConfigFault } from './faults.js';
import { reasonOf } from './file.js';
import type { Config } from './schema.js';

/** When clients accept the certificate of `listen.tls`, in milliseconds since 1970. */
export interface CertificateValidity {
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * Makes sure that the certificate and key can be read and belong together. Undefined without TLS. Errors:
 * ConfigUnusableError.
 */
export function checkKeyPair({ listen: { tls } }: Config): CertificateValidity | undefined {
  if (tls === undefined) return undefined;
  const faults: ConfigFault[] = [];
  const cert = read('certFile', tls.certFile, faults);
  const key = read('keyFile', tls.keyFile, faults);
  let validity: CertificateValidity | undefined;
  if (cert !== undefined && key !== undefined) {
    try {
      createSecureContext({ cert, key, passphrase: tls.passphrase });
      validity = validityOf(cert);
    } catch (error) {
      const message = `${tls.certFile} and ${tls.keyFile} cannot be used together: ${reasonOf(error)}`;
      faults.push({ path: 'listen.tls', message });
    }
  }
  if (faults.length > 0) throw new ConfigUnusableError(faults);
  return validity;
}

/** Differs when the certificate, its key or the passphrase differ. Undefined without TLS, or where a file cannot be read. */
export function keyPairFingerprint({ listen: { tls } }: Config): string | undefined {
  if (tls === undefined) return undefined;
  const hash = createHash('sha256');
  try {
    for (const file of [tls.certFile, tls.keyFile]) hash.update(readFileSync(file)).update('\0');
  } catch {
    return undefined;
  }
  return hash.update(tls.passphrase ?? '').digest('hex');
}

/** The flaw in the dates of a certificate; undefined: it can be used now. */
export function datesFlaw({ fromMs, untilMs }: CertificateValidity, nowMs: number): string | undefined {
  if (nowMs > untilMs) return `the certificate expired at ${new Date(untilMs).toISOString()}: renew it`;
  if (nowMs < fromMs) return `the certificate is not valid before ${new Date(fromMs).toISOString()}`;
  return undefined;
}

/** The first certificate of a chain is the server's. */
function validityOf(cert: Buffer): CertificateValidity {
  const { validFrom, validTo } = new X509Certificate(cert);
  return { fromMs: Date.parse(validFrom), untilMs: Date.parse(validTo) };
}

function read(name: 'certFile' | 'keyFile', file: string, faults: ConfigFault[]): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    faults.push({ path: `listen.tls.${name}`, message: `${file} cannot be read: ${reasonOf(error)}` });
    return undefined;
  }
}
