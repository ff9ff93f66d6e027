import { CONSOLE_PATH } from './checks/console-checks.js';
import { LISTEN_NAME, listenerNames } from './listener-places.js';
import { CONFIG_SCHEMA } from './schema.js';
import type { TakenPath, WebPaths } from './checks/web-checks.js';

/** A listener that answers HTTP requests, and what it has at which path. */
export interface HttpListener {
  /** The name by which `httpBridge[].listeners` names it. */
  readonly name: string;
  /** Paths that have no choice: those of the WebSocket, long-poll and console. */
  readonly taken: readonly TakenPath[];
  /** The page that `web.paths` may replace. */
  readonly demo: readonly TakenPath[];
  /** `web.paths`, and where that stands. */
  readonly web: WebPaths;
}

type Tree = Readonly<Record<string, unknown>>;

/** `listen`, and those of `listeners` that serve WebSockets. Does what it can where parts of the tree have faults. */
export function httpListeners(tree: Tree): readonly HttpListener[] {
  const { shape } = CONFIG_SCHEMA;
  const { data: listeners = [] } = shape.listeners.safeParse(tree['listeners']);
  const names = listenerNames(listeners);
  const further = listeners.flatMap((listener, index): HttpListener[] => {
    if (listener.type !== 'websocket') return [];
    const { path, longPoll, web } = listener;
    const setting = `listeners[${index}]`;
    return [
      {
        name: names[index] ?? '',
        taken: [...socketPaths(path, setting), ...pollPath(longPoll, `${setting}.longPoll`)],
        demo: [],
        web: { at: ['listeners', index, 'web', 'paths'], paths: Object.keys(web?.paths ?? {}) },
      },
    ];
  });
  return [firstListener(tree), ...further];
}

function firstListener(tree: Tree): HttpListener {
  const { shape } = CONFIG_SCHEMA;
  const { data: listen } = shape.listen.safeParse(tree['listen']);
  const { data: longPoll } = shape.longPoll.safeParse(tree['longPoll']);
  const { data: console } = shape.console.safeParse(tree['console']);
  const { data: demo } = shape.demo.safeParse(tree['demo']);
  const { data: web } = shape.web.safeParse(tree['web']);
  const remedy = 'set demo.enabled: false';
  return {
    name: LISTEN_NAME,
    taken: [
      ...socketPaths(listen?.path ?? [], 'listen'),
      ...pollPath(longPoll, 'longPoll'),
      ...(console?.enabled === true ? [{ path: CONSOLE_PATH, setting: 'the console', isFolder: true }] : []),
    ],
    demo: demo?.enabled === true ? [{ path: '/', setting: 'the demo', isFolder: false, remedy }] : [],
    web: { at: ['web', 'paths'], paths: Object.keys(web?.paths ?? {}) },
  };
}

function socketPaths(path: string | readonly string[], setting: string): readonly TakenPath[] {
  return [path].flat().map((one) => ({ path: one, setting: `${setting}.path`, isFolder: false }));
}

function pollPath(
  longPoll: { readonly enabled: boolean; readonly path: string } | undefined,
  setting: string,
): readonly TakenPath[] {
  return longPoll?.enabled === true ? [{ path: longPoll.path, setting: `${setting}.path`, isFolder: true }] : [];
}
