import { afterAll } from 'vitest';
import { selfSignedFiles } from '../../support/certificate.js';
import { UwsScene } from '../../support/uws-scene.js';
import { describeConnection } from './describe-connection.js';

describeConnection('uWebSockets.js', (options) => UwsScene.open(options));

describeConnection('uWebSockets.js, compressed', (options) => UwsScene.open({ ...options, compression: 'shared' }));

const tls = selfSignedFiles();
afterAll(() => tls.remove());

describeConnection('uWebSockets.js over TLS', async (options) => {
  const scene = await UwsScene.open({ ...options, tls });
  return {
    connect: (subprotocol) => scene.connect(subprotocol, { rejectUnauthorized: false }),
    breakRules: (peer) => scene.breakRules(peer),
    close: () => scene.close(),
  };
});
