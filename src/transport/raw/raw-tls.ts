import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { describeCertificate, type ClientCertificate } from '../opening/client-certificate.js';
import type { RawTlsOptions } from './raw-options.js';

/** Reads the files of TLS, and makes sure that they can be used together. Rejects with the error of a file or of OpenSSL. */
export async function readSecureContext({
  certFile,
  keyFile,
  passphrase,
  clientCaFile,
}: RawTlsOptions): Promise<SecureContextOptions> {
  const [cert, key, ca] = await Promise.all([
    readFile(certFile),
    readFile(keyFile),
    clientCaFile === undefined ? undefined : readFile(clientCaFile),
  ]);
  const context = {
    cert,
    key,
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(ca === undefined ? {} : { ca }),
  };
  createSecureContext(context);
  return context;
}

/** The certificate that the client has presented, and that the listener has verified. */
export function certificateOf(socket: TLSSocket): ClientCertificate | undefined {
  const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;
  return certificate && describeCertificate(certificate.raw);
}

/**
 * The identifier of the channel for `tls-unique`, as autobahn-python computes it: SHA-256 of the Finished message of the client,
 * which is the first one of a full handshake. Undefined: the client has resumed an earlier session.
 */
export function channelIdOf(socket: TLSSocket): Uint8Array | undefined {
  const finished = socket.isSessionReused() ? undefined : socket.getPeerFinished();
  return finished && createHash('sha256').update(finished).digest();
}
