import type { z } from 'zod';
import type { listen } from './schema/listen-schema.js';
import type { listener } from './schema/listeners-schema.js';

type Listen = z.output<typeof listen>;
type Listener = z.output<typeof listener>;
type Path = readonly PropertyKey[];

/** The settings of one WebSocket listener, and where they stand. */
export interface PlacedWebSocket {
  readonly at: Path;
  /** The same path, as people write it. */
  readonly setting: string;
  readonly rules: Omit<Listen, 'host' | 'port'>;
}

/** `listen`, and those of `listeners` that serve WebSockets. */
export function webSocketsIn(listen: Listen, listeners: readonly Listener[]): readonly PlacedWebSocket[] {
  const further = listeners.flatMap((rules, index) =>
    rules.type === 'websocket' ? [{ at: ['listeners', index], setting: `listeners[${index}]`, rules }] : [],
  );
  return [{ at: ['listen'], setting: 'listen', rules: listen }, ...further];
}

/** The part of a listener that its name is made of. */
interface Named {
  readonly name?: string;
  readonly type: string;
  readonly port?: number;
  readonly path?: string | readonly string[];
}

/** The name of `listen` in logs and metrics. */
export const LISTEN_NAME = 'listen';

/** The names of `listeners` in logs and metrics. They differ if the names that the configuration gives do. */
export function listenerNames(listeners: readonly Named[]): readonly string[] {
  const made = listeners.map((listener) => listener.name ?? nameFromPlace(listener));
  return made.map((name, index) => {
    const isUnique = made.every((other, at) => at === index || other !== name);
    return isUnique || listeners[index]?.name !== undefined ? name : `${name}-${index}`;
  });
}

function nameFromPlace({ type, port, path }: Named): string {
  return `${type}-${port ?? String(path)}`;
}
