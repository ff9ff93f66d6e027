import { afterEach, beforeEach } from 'vitest';
import type { AppClient } from '../../interop/clients/app-client.js';
import { joinAutobahn } from '../../interop/clients/autobahn-client.js';
import { joinWampy } from '../../interop/clients/wampy-client.js';
import { ThreeNodes } from './three-nodes.js';

export interface AppsOfNodes {
  /** The nodes of the test that runs. */
  readonly cluster: ThreeNodes;
  /** A new client of the node; it leaves when the test ends. */
  readonly join: (library: 'autobahn' | 'wampy', node: number) => Promise<AppClient>;
}

/** Three nodes for each test of the suite, which clients of both libraries join. */
export function appsOfNodes(): AppsOfNodes {
  let cluster: ThreeNodes;
  let clients: AppClient[] = [];
  beforeEach(async () => {
    clients = [];
    cluster = await ThreeNodes.start();
  });
  afterEach(async () => {
    await Promise.all(clients.map((client) => client.leave().catch(() => undefined)));
    await cluster.stop();
  });
  return {
    get cluster() {
      return cluster;
    },
    join: async (library, node) => {
      const client = await (library === 'autobahn' ? joinAutobahn : joinWampy)(cluster.url(node), 'json');
      clients.push(client);
      return client;
    },
  };
}
