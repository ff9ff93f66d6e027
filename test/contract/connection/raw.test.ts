import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { selfSignedFiles } from '../../support/certificate.js';
import { RawScene } from '../../support/raw-scene.js';
import { describeConnection } from './describe-connection.js';

const means = { hasBatches: false, hasCloseCodes: false };

describeConnection('RawSocket', (options) => RawScene.open(options), means);

const files = selfSignedFiles();
afterAll(() => files.remove());
const tls = { certFile: files.certFile, keyFile: files.keyFile, requireClientCertificate: false };

describeConnection('RawSocket over TLS', (options) => RawScene.open({ ...options, tls }), means);

const folder = mkdtempSync(join(tmpdir(), 'gantry-raw-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'gantry.sock');

describeConnection('RawSocket over a Unix socket', (options) => RawScene.open({ ...options, path }), {
  ...means,
  peer: `unix:${path}`,
});
