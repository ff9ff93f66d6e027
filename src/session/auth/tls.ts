import type { ClientCertificate } from '../../transport/opening/client-certificate.js';
import type { AuthenticatorEntry } from './authenticator.js';
import { DENIED, granted, type Principals } from './credentials.js';
import { askAuthenticators } from './dynamic.js';
import type { AuthMethod, AuthRequest, AuthStep, Principal } from './method.js';

export interface TlsCredential {
  /** SHA-256 of certificates, 64 lower-case hexadecimal digits each. */
  readonly certificates: readonly string[];
  /** CN of the subject of its certificates, whichever they are: the proxy decides which authority it trusts. */
  readonly commonName?: string | undefined;
}

/**
 * The method `tls`: a proxy or a listener has verified the client's certificate, which belongs to a principal. HELLO needs no
 * authid; where it has one, it is that of the principal. A fingerprint counts before a name. Authenticators receive the
 * certificates that no principal of the configuration has.
 */
export function createTls(
  principals: Principals<TlsCredential>,
  authenticators: readonly AuthenticatorEntry[] = [],
): AuthMethod {
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
    begin(request) {
      const {
        certificate,
        details: { authid = '' },
      } = request;
      if (certificate === undefined) return DENIED;
      const principal = principalOf(certificate);
      if (principal === undefined && authenticators.length > 0) return ask(authenticators, request);
      return principal !== undefined && (authid === '' || authid === principal.authid) ? granted(principal) : DENIED;
    },
  };
}

/** The result must name the authid: nothing proves that of HELLO. */
async function ask(authenticators: readonly AuthenticatorEntry[], request: AuthRequest): Promise<AuthStep> {
  const finding = await askAuthenticators(authenticators, request, {
    method: 'tls',
    authid: undefined,
    isRoleEnough: false,
    credentialOf: () => ({}),
  });
  if (finding.kind === 'undecided') return finding.step;
  return finding.kind === 'found' ? granted(finding.entry.principal) : DENIED;
}
