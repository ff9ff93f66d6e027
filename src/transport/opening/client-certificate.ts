import { X509Certificate } from 'node:crypto';

/** The TLS certificate of a client, as a proxy or a listener has verified it. */
export interface ClientCertificate {
  /** SHA-256 of the certificate, 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  /** CN of its subject, where the proxy passes it on. */
  readonly commonName?: string;
  /** Attributes of its subject, where the proxy passes them on; several values of one as a list. */
  readonly subject?: Subject;
}

type Subject = Readonly<Record<string, string | readonly string[]>>;

export interface ClientCertificateOptions {
  /** In lower case. */
  readonly header: string;
  /**
   * `pem`: the certificate as PEM in percent-encoding. `der`: base64 of its bytes, also as RFC 9440 writes it. `xfcc`: a list of
   * Envoy's form. `sha256`: its fingerprint.
   */
  readonly format: 'pem' | 'der' | 'xfcc' | 'sha256';
}

const MAX_HEADER_LENGTH = 16_384;
const FINGERPRINT = /^[0-9a-f]{64}$/;
const XFCC_PAIR = /([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^;,"]*))(?:;|$)/gy;
/** A header that came twice has two. */
const ONE_PEM = /^\s*-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\s*$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * Reads a certificate from the header of a proxy. Undefined: there is none, or something else. `value` may only come from a
 * proxy that is trusted by name, and that replaces the header of the client.
 */
export function readClientCertificate(
  value: string,
  format: ClientCertificateOptions['format'],
): ClientCertificate | undefined {
  if (value === '' || value.length > MAX_HEADER_LENGTH) return undefined;
  switch (format) {
    case 'pem':
      return fromPem(value);
    case 'der':
      return fromBase64(value.startsWith(':') && value.endsWith(':') ? value.slice(1, -1) : value);
    case 'xfcc':
      return fromXfcc(value);
    case 'sha256':
      return fromFingerprint(value);
  }
}

function fromPem(value: string): ClientCertificate | undefined {
  try {
    const text = decodeURIComponent(value);
    return ONE_PEM.test(text) ? describeCertificate(text) : undefined;
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

function fromBase64(value: string): ClientCertificate | undefined {
  return BASE64.test(value) ? describeCertificate(Buffer.from(value, 'base64')) : undefined;
}

function fromFingerprint(value: string): ClientCertificate | undefined {
  const sha256 = value.replaceAll(':', '').toLowerCase();
  return FINGERPRINT.test(sha256) ? { sha256 } : undefined;
}

/**
 * One element `Key=value;…`. Several elements come from several proxies in a row, which did not replace the header: the router
 * believes none of them.
 */
function fromXfcc(value: string): ClientCertificate | undefined {
  const fields = new Map<string, string>();
  let end = 0;
  for (const [pair, name = '', quoted, plain = ''] of value.matchAll(XFCC_PAIR)) {
    end += pair.length;
    const key = name.toLowerCase();
    // Names of hosts may come several times, one pair for each. These two keys may not: they would be ambiguous.
    if (key !== 'hash' && key !== 'subject') continue;
    if (fields.has(key)) return undefined;
    // Backslashes stay: a backslash marks a comma that is part of a name (RFC 2253).
    fields.set(key, quoted ?? plain);
  }
  if (end !== value.length) return undefined;
  const certificate = fromFingerprint(fields.get('hash') ?? '');
  return certificate && { ...certificate, ...subjectOf((fields.get('subject') ?? '').split(/(?<!\\),/)) };
}

/** `certificate`: PEM or DER. Undefined: it is neither. */
export function describeCertificate(certificate: string | Buffer): ClientCertificate | undefined {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
  } catch {
    return undefined;
  }
  // Undefined for an empty subject, whatever the library's types promise.
  const subject = (parsed.subject as string | undefined) ?? '';
  return { sha256: parsed.fingerprint256.replaceAll(':', '').toLowerCase(), ...subjectOf(subject.split('\n')) };
}

/** A subject with several common names is ambiguous: it has none. */
function subjectOf(parts: readonly string[]): Pick<ClientCertificate, 'commonName' | 'subject'> {
  const attributes = new Map<string, string[]>();
  for (const part of parts) {
    const [, name, value] = /^\s*([^=\s]+)=(.+)$/.exec(part) ?? [];
    if (name !== undefined && value !== undefined) attributes.set(name, [...(attributes.get(name) ?? []), value]);
  }
  if (attributes.size === 0) return {};
  const entries = [...attributes].map(([name, values]) => [name, values.length > 1 ? values : (values[0] ?? '')]);
  const subject = Object.fromEntries(entries) as Subject;
  const { CN: commonName } = subject;
  return typeof commonName === 'string' ? { commonName, subject } : { subject };
}
