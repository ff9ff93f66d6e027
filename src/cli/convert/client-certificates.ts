import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** SHA-256 fingerprints by SHA-1 fingerprints of all certificates in these PEM files. Ignores what cannot be read. */
export function knownCertificates(files: readonly string[]): ReadonlyMap<string, string> {
  const pairs = files
    .flatMap((file) => textOf(file).match(PEM) ?? [])
    .flatMap((pem) => {
      try {
        const { fingerprint, fingerprint256 } = new X509Certificate(pem);
        return [[fingerprint, fingerprint256] as const];
      } catch {
        return [];
      }
    });
  return new Map(pairs);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
