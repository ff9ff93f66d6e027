import { fileURLToPath } from 'node:url';
import { uwsVersion } from '../relay/library.js';
import { freePort, launch } from './process.js';
import { probeFlags } from './node-flags.js';
import type { Router } from './router.js';

const program = fileURLToPath(new URL('../relay/relay.js', import.meta.url));

export const relay: Router = {
  name: 'relay',
  wire: 'relay',
  realm: '',
  version: `uWebSockets.js ${uwsVersion}`,
  start: async ({ measuresMemory }) => {
    const port = await freePort();
    const argv = [process.execPath, ...probeFlags(measuresMemory), program, String(port)];
    return launch({ name: 'relay', argv, port, path: '', hasProbe: measuresMemory });
  },
};
