import { installGoServer } from './go-module.js';
import { freePort, launch } from './process.js';
import type { Router } from './router.js';

const version = 'v2.15.3';

/** Another protocol, on plain TCP: context for the fan-out, no WAMP router. */
export async function installNats(): Promise<Router> {
  const module = 'github.com/nats-io/nats-server/v2';
  const { binary } = await installGoServer({ name: 'nats-server', module, version, command: '' });
  return {
    name: 'nats',
    wire: 'nats',
    realm: '',
    version: `NATS server ${version}, another protocol`,
    serializers: ['json'],
    start: async () => {
      const port = await freePort();
      return launch({ name: 'nats', argv: [binary, '-a', '127.0.0.1', '-p', String(port)], port, path: '' });
    },
  };
}
