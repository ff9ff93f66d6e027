import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installGoServer } from './go-module.js';
import { freePort, launch } from './process.js';
import type { Router } from './router.js';

const version = 'v6.9.1';

/** Another protocol: context for the fan-out, no WAMP router. */
export async function installCentrifugo(): Promise<Router> {
  const module = 'github.com/centrifugal/centrifugo/v6';
  const { directory, binary } = await installGoServer({ name: 'centrifugo', module, version, command: '' });
  return {
    name: 'centrifugo',
    wire: 'centrifugo',
    realm: '',
    version: `Centrifugo ${version}, another protocol`,
    serializers: ['json'],
    start: async () => {
      const port = await freePort();
      const file = join(directory, `centrifugo-${process.pid}.json`);
      await writeFile(file, JSON.stringify(configuration(port)));
      return launch({ name: 'centrifugo', argv: [binary, '-c', file], port, path: '/connection/websocket' });
    },
  };
}

/** Anonymous clients publish and subscribe; no pings; the queue of a client long enough that no event is dropped. */
function configuration(port: number): object {
  return {
    http_server: { address: '127.0.0.1', port },
    log: { level: 'error' },
    client: {
      allowed_origins: ['*'],
      allow_anonymous_connect_without_token: true,
      queue_max_size: 1_073_741_824,
    },
    channel: {
      without_namespace: {
        allow_subscribe_for_client: true,
        allow_subscribe_for_anonymous: true,
        allow_publish_for_client: true,
        allow_publish_for_anonymous: true,
      },
    },
    websocket: { message_size_limit: 1_048_576 },
  };
}
