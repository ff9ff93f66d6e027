import { fileURLToPath } from 'node:url';
import { uwsVersion } from '../bare/library.js';
import { freePort, launch } from './process.js';
import { probeFlags } from './node-flags.js';
import type { Router } from './router.js';

const relay = fileURLToPath(new URL('../bare/relay.js', import.meta.url));

export const bare: Router = {
  name: 'bare',
  wire: 'bare',
  realm: '',
  version: `uWebSockets.js ${uwsVersion}`,
  start: async ({ measuresMemory }) => {
    const port = await freePort();
    const argv = [process.execPath, ...probeFlags(measuresMemory), relay, String(port)];
    return launch({ name: 'bare', argv, port, path: '', hasProbe: measuresMemory });
  },
};
