import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  readClientCertificate,
  type ClientCertificateOptions,
} from '../../../../src/transport/opening/client-certificate.js';
import { selfSigned } from '../../../support/certificate.js';

type Format = ClientCertificateOptions['format'];

const { cert: pem } = selfSigned();
const x509 = new X509Certificate(pem);
const fingerprint = x509.fingerprint256;
const sha256 = fingerprint.replaceAll(':', '').toLowerCase();
const der = x509.raw.toString('base64');
const named = { sha256, commonName: 'localhost', subject: { CN: 'localhost' } };

describe('the certificate of a client, as proxies pass it on', () => {
  it.each<[string, Format, string, object]>([
    ['nginx: $ssl_client_escaped_cert', 'pem', encodeURIComponent(pem), named],
    ['HAProxy: %[ssl_c_der,base64]', 'der', der, named],
    ['Client-Cert of RFC 9440', 'der', `:${der}:`, named],
    ['Envoy: fingerprint', 'xfcc', `Hash=${sha256}`, { sha256 }],
    ['Envoy: several names of hosts', 'xfcc', `Hash=${sha256};DNS=a.example;DNS=b.example`, { sha256 }],
    [
      'Envoy: all fields',
      'xfcc',
      `By=spiffe://x/y;Hash=${sha256};Subject="CN=localhost,O=a\\, b";URI=spiffe://x/z;DNS=a;Chain="x"`,
      { ...named, subject: { CN: 'localhost', O: 'a\\, b' } },
    ],
    ['a fingerprint with colons', 'sha256', fingerprint, { sha256 }],
    ['a fingerprint without', 'sha256', sha256, { sha256 }],
  ])('%s', (_, format, value, expected) => {
    expect(readClientCertificate(value, format)).toEqual(expected);
  });

  it.each<[string, Format, string]>([
    ['nothing', 'pem', ''],
    ['broken percent-encoding', 'pem', '%E0%A4%A'],
    ['something else', 'pem', 'hello'],
    ['two certificates in two lines, as PEM', 'pem', `${encodeURIComponent(pem)},${encodeURIComponent(pem)}`],
    ['two certificates in two lines', 'der', `${der},${der}`],
    ['a list of elements: a proxy that adds to what a client sent', 'xfcc', `Hash=${sha256},Hash=${sha256}`],
    ['a field twice', 'xfcc', `Hash=${sha256};Hash=${'0'.repeat(64)}`],
    ['a subject twice', 'xfcc', `Hash=${sha256};Subject="CN=a";subject="CN=b"`],
    ['an open quotation', 'xfcc', `Hash=${sha256};Subject="CN=x`],
    ['a field within a quotation', 'xfcc', `Subject="x;Hash=${sha256}"`],
    ['fingerprints in two lines', 'sha256', `${sha256},${sha256}`],
    ['a short fingerprint', 'sha256', sha256.slice(2)],
    ['a long header', 'pem', encodeURIComponent(pem) + ' '.repeat(16_384)],
  ])('is not believed: %s', (_, format, value) => {
    expect(readClientCertificate(value, format)).toBeUndefined();
  });

  it('has no name when its subject has two', () => {
    const subject = 'CN=a,CN=b';
    expect(readClientCertificate(`Hash=${sha256};Subject="${subject}"`, 'xfcc')).toEqual({
      sha256,
      subject: { CN: ['a', 'b'] },
    });
  });

  it.each(['O=a\\,CN=admin', 'CN=admin\\,x', 'CN=admin\\+x', 'O=a\\\\,CN=admin'])(
    'has no name of another that its subject %s contains',
    (subject) => {
      expect(readClientCertificate(`Hash=${sha256};Subject="${subject}"`, 'xfcc')?.commonName).not.toBe('admin');
    },
  );

  it('never makes the router fail', () => {
    const formats = fc.constantFrom<Format>('pem', 'der', 'xfcc', 'sha256');
    const values = fc.oneof(
      fc.string(),
      fc.base64String(),
      fc.string().map(encodeURIComponent),
      fc.string().map((text) => `Hash=${text}`),
    );
    fc.assert(
      fc.property(formats, values, (format, value) => {
        expect(readClientCertificate(value, format)).toBeUndefined();
      }),
    );
  });
});
