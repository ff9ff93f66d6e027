import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ConfigUnusableError, type ConfigFault } from '../faults.js';
import { reasonOf } from '../file.js';
import type { Config } from '../schema.js';

type Tls = NonNullable<Config['listen']['tls']>;

/** When clients accept the certificate of `listen.tls`, in milliseconds since 1970. */
export interface CertificateValidity {
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * Makes sure that the certificate and key of each listener can be read and belong together. Returns the validity of that
 * of `listen`, undefined without TLS there. Errors: ConfigUnusableError.
 */
export function checkKeyPair({ listen, listeners }: Config): CertificateValidity | undefined {
  const faults: ConfigFault[] = [];
  const validity = listen.tls && checkPair(listen.tls, 'listen.tls', faults);
  for (const [index, listener] of listeners.entries()) {
    const path = `listeners[${index}].tls`;
    if (listener.tls !== undefined) checkPair(listener.tls, path, faults);
    const clientCaFile = listener.type === 'rawsocket' ? listener.tls?.clientCaFile : undefined;
    if (clientCaFile !== undefined) read(`${path}.clientCaFile`, clientCaFile, faults);
  }
  if (faults.length > 0) throw new ConfigUnusableError(faults);
  return validity;
}

function checkPair(tls: Tls, path: string, faults: ConfigFault[]): CertificateValidity | undefined {
  const cert = read(`${path}.certFile`, tls.certFile, faults);
  const key = read(`${path}.keyFile`, tls.keyFile, faults);
  if (cert === undefined || key === undefined) return undefined;
  try {
    createSecureContext({ cert, key, passphrase: tls.passphrase });
    return validityOf(cert);
  } catch (error) {
    const message = `${tls.certFile} and ${tls.keyFile} cannot be used together: ${reasonOf(error)}`;
    faults.push({ path, message });
    return undefined;
  }
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

function read(path: string, file: string, faults: ConfigFault[]): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    faults.push({ path, message: `${file} cannot be read: ${reasonOf(error)}` });
    return undefined;
  }
}
