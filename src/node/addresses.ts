import { CONSOLE_PATH } from '../config/checks/console-checks.js';
import type { Config } from '../config/schema.js';
import { pathsOf } from '../transport/paths.js';
import { authority } from './authority.js';

/** Addresses of a node, as URLs. */
export interface NodeAddresses {
  readonly ws: string;
  readonly site?: string;
  readonly console?: string;
  readonly ops?: string;
  /** Addresses of `listeners`, in their order. */
  readonly listeners: readonly string[];
}

/** `ports`: of `listen`, then of `listeners`. `opsPort`: undefined without operations endpoint. */
export function addressesOf(config: Config, ports: readonly number[], opsPort: number | undefined): NodeAddresses {
  const { listen, listeners, demo, console, ops } = config;
  const pages = `${listen.tls === undefined ? 'http' : 'https'}://${authority(listen.host, ports[0] ?? 0)}`;
  return {
    ws: webSocketUrl(listen, ports[0] ?? 0),
    ...(demo.enabled ? { site: `${pages}/` } : {}),
    ...(console.enabled ? { console: `${pages}${CONSOLE_PATH}` } : {}),
    ...(opsPort === undefined ? {} : { ops: `http://${authority(ops.host, opsPort)}/` }),
    listeners: listeners.map((listener, index) => {
      const port = ports[index + 1] ?? 0;
      if (listener.type === 'websocket') return webSocketUrl(listener, port);
      const { path, host, tls } = listener;
      if (path !== undefined) return `rs+unix:${path}`;
      return `${tls === undefined ? 'rs' : 'rss'}://${authority(host, port)}`;
    }),
  };
}

function webSocketUrl({ host, path, tls }: Pick<Config['listen'], 'host' | 'path' | 'tls'>, port: number): string {
  return `${tls === undefined ? 'ws' : 'wss'}://${authority(host, port)}${pathsOf(path)[0] ?? ''}`;
}
