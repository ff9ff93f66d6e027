import autobahn from 'autobahn';
import WebSocket from 'ws';
import type { SerializerId } from '../../../src/wamp/payload.js';
import {
  AppError,
  closeText,
  fromClient,
  payloadFrom,
  toClient,
  type AppCall,
  type AppClient,
  type ClientKind,
  type Endpoint,
  type EventHandler,
  type Payload,
} from './app-client.js';

/** The socket of the connection that was opened last, and how each ended. */
let newest: WebSocket | undefined;
const closings = new WeakMap<WebSocket, string>();
const lastClosings = new Map<string, string>();

/** Node.js 20 has no WebSocket of its own. Those of browsers do not throw what nobody listens for. */
function quietWebSocket(url: string, protocols: string[]): WebSocket {
  const socket = new WebSocket(url, protocols);
  newest = socket;
  socket.on('close', (code, reason) => {
    const closing = closeText(code, reason);
    closings.set(socket, closing);
    lastClosings.set(url, closing);
  });
  return socket.on('error', () => undefined);
}
Object.assign(globalThis, { WebSocket: quietWebSocket });
autobahn.log.warn = () => undefined;

const SERIALIZERS = { json: 'JSONSerializer', msgpack: 'MsgpackSerializer', cbor: 'CBORSerializer' } as const;

/** How the socket to this address ended that ended last. */
export function lastClosing(url: string): string | undefined {
  return lastClosings.get(url);
}

/** A connection as an application makes it, not yet open. */
export function autobahnConnection(url: string, serializer: SerializerId, options: object = {}): autobahn.Connection {
  return new autobahn.Connection({
    url,
    realm: 'realm1',
    serializers: [new autobahn.serializer[SERIALIZERS[serializer]]()],
    on_user_error: () => undefined,
    ...options,
  });
}

export function joinAutobahn(url: string, serializer: SerializerId, options: object = {}): Promise<AutobahnClient> {
  const connection = autobahnConnection(url, serializer, options);
  return new Promise((resolve, reject) => {
    const ended = new Promise<string>((end) => {
      connection.onclose = (how, { reason }) => {
        const ending = reason ?? (socket && closings.get(socket)) ?? how;
        end(ending);
        reject(new AppError(ending));
        return true;
      };
    });
    connection.onopen = (session) => {
      resolve(new AutobahnClient({ library: 'autobahn', serializer }, connection, session, ended));
    };
    connection.open();
    const socket = newest;
  });
}

export class AutobahnClient implements AppClient {
  readonly kind: ClientKind;
  readonly session: number;
  readonly ended: Promise<string>;
  readonly #connection: autobahn.Connection;
  readonly #session: autobahn.Session;

  constructor(kind: ClientKind, connection: autobahn.Connection, session: autobahn.Session, ended: Promise<string>) {
    this.kind = kind;
    this.#connection = connection;
    this.#session = session;
    this.session = session.id;
    this.ended = ended;
  }

  isOpen(): boolean {
    return this.#session.isOpen;
  }

  async subscribe(topic: string, handler: EventHandler, options: object = {}): Promise<() => Promise<unknown>> {
    const subscription = await this.#session.subscribe(
      topic,
      (args, kwargs, details) => {
        handler({
          ...this.#payload(args, kwargs),
          publication: details.publication!,
          topic: details.topic,
          publisher: details.publisher,
          retained: details.retained === true,
        });
      },
      options,
    );
    return async () => subscription.unsubscribe();
  }

  async publish(topic: string, payload: Partial<Payload> = {}, options: object = {}): Promise<number> {
    const { args, kwargs } = this.#converted(payload);
    return (await this.#session.publish(topic, args, kwargs, { ...options, acknowledge: true })).id;
  }

  async register(procedure: string, endpoint: Endpoint, options: object = {}): Promise<() => Promise<unknown>> {
    try {
      const registration = await this.#session.register(
        procedure,
        async (args, kwargs, { procedure: uri, caller, progress }) => {
          const invocation = {
            ...this.#payload(args, kwargs),
            procedure: uri,
            caller,
            progress: (piece: Partial<Payload>) => {
              const converted = this.#converted(piece);
              progress?.(converted.args, converted.kwargs);
            },
          };
          try {
            const converted = this.#converted(await endpoint(invocation));
            return new autobahn.Result(converted.args, converted.kwargs);
          } catch (error) {
            const { uri: name, ...payload } = error as AppError;
            // eslint-disable-next-line @typescript-eslint/only-throw-error -- what autobahn wants thrown
            throw new autobahn.Error(name, this.#converted(payload).args, this.#converted(payload).kwargs);
          }
        },
        options,
      );
      return async () => registration.unregister();
    } catch (error) {
      throw this.#error(error);
    }
  }

  call(procedure: string, payload: Partial<Payload> = {}, options: object = {}): AppCall {
    const { args, kwargs } = this.#converted(payload);
    const pending = this.#session.call(procedure, args, kwargs, options);
    const progress: Payload[] = [];
    const result = new Promise<Payload>((resolve, reject) => {
      pending.then(
        (value) => {
          resolve(this.#result(value));
        },
        (error: unknown) => {
          reject(this.#error(error));
        },
        (value) => progress.push(this.#result(value)),
      );
    });
    const cancel = (mode: string): void => {
      pending.cancel({ mode });
    };
    return { result, progress, cancel };
  }

  async leave(): Promise<void> {
    this.#connection.close();
    await this.ended;
  }

  #converted({ args = [], kwargs = {} }: Partial<Payload>): Payload {
    return toClient(this.kind.serializer, { args, kwargs }) as Payload;
  }

  #payload(args: unknown, kwargs: unknown): Payload {
    return payloadFrom(this.kind.serializer, args, kwargs);
  }

  /** autobahn unwraps a lone result. */
  #result(value: unknown): Payload {
    if (value instanceof autobahn.Result) return this.#payload(value.args, value.kwargs);
    return this.#payload(value === null ? [] : [value], {});
  }

  #error(thrown: unknown): Error {
    if (!(thrown instanceof autobahn.Error)) return thrown instanceof Error ? thrown : new Error(String(thrown));
    const { error, args, kwargs } = thrown;
    const payload = fromClient(this.kind.serializer, { args, kwargs }) as Payload;
    return new AppError(error, payload.args, payload.kwargs);
  }
}
