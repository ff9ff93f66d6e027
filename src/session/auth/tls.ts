import type { ClientCertificate } from '../../transport/client-certificate.js';
import { DENIED, granted, type Principals } from './credentials.js';
import type { AuthMethod, Principal } from './method.js';

export interface TlsCredential {
  /** SHA-256 of certificates, 64 lower-case hexadecimal digits each. */
  readonly certificates: readonly string[];
  /** CN of the subject of its certificates, whichever they are: the proxy decides which authority it trusts. */
  readonly commonName?: string | undefined;
}

/**
 * The method `tls`: a proxy has verified the client's certificate, which belongs to a principal. HELLO needs no authid; where
 * it has one, it is that of the principal. A fingerprint counts before a name.
 */
export function createTls(principals: Principals<TlsCredential>): AuthMethod {
  const byFingerprint = new Map<string, Principal>();
  const byName = new Map<string, Principal>();
  for (const { principal, credential } of principals.values()) {
    for (const sha256 of credential.certificates) byFingerprint.set(sha256, principal);
    if (credential.commonName !== undefined) byName.set(credential.commonName, principal);
  }
  const principalOf = ({ sha256, commonName }: ClientCertificate): Principal | undefined =>
    byFingerprint.get(sha256) ?? (commonName === undefined ? undefined : byName.get(commonName));
  return {
    name: 'tls',
    begin({ certificate, details: { authid = '' } }) {
      const principal = certificate && principalOf(certificate);
      return principal !== undefined && (authid === '' || authid === principal.authid) ? granted(principal) : DENIED;
    },
  };
}
