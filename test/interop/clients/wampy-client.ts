import { Errors, Wampy } from 'wampy';
import { CborSerializer } from 'wampy/CborSerializer.js';
import { JsonSerializer } from 'wampy/JsonSerializer.js';
import { MsgpackSerializer } from 'wampy/MsgpackSerializer.js';
import WebSocket from 'ws';
import { Code } from '../../../src/wamp/codes.js';
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

export type WampyOptions = NonNullable<ConstructorParameters<typeof Wampy>[1]>;

const SERIALIZERS = {
  json: () => new JsonSerializer(),
  msgpack: () => new MsgpackSerializer(),
  cbor: () => new CborSerializer(),
};

/** A client as an application makes it, not yet connected. */
export function wampy(url: string, serializer: SerializerId, options: WampyOptions = {}): Wampy {
  return new Wampy(url, {
    ws: WebSocket as unknown as NonNullable<WampyOptions['ws']>,
    realm: 'realm1',
    serializer: SERIALIZERS[serializer](),
    ...options,
  });
}

/** The newest WebSocket of each client that is watched. */
const sockets = new WeakMap<Wampy, () => WebSocket | undefined>();

export interface Watchers {
  readonly onMessage?: (message: readonly unknown[]) => void;
  /** A connection has ended, with the reason of GOODBYE or ABORT, else the close frame (`closeText`). */
  readonly onEnd: (reason: string) => void;
}

/** As `wampy`, with what it does not report itself: the reason of GOODBYE, the code of the close frame. */
export function watchedWampy(
  url: string,
  serializer: SerializerId,
  { onMessage, onEnd }: Watchers,
  options: WampyOptions = {},
): Wampy {
  let farewell: string | undefined;
  const opened: { last?: WebSocket } = {};
  class Watched extends WebSocket {
    constructor(...words: ConstructorParameters<typeof WebSocket>) {
      super(...words);
      Object.assign(opened, { last: this });
      farewell = undefined;
      this.on('close', (code, reason) => onEnd(farewell ?? closeText(code, reason)));
    }
  }
  const library = wampy(url, serializer, {
    ws: Watched as unknown as NonNullable<WampyOptions['ws']>,
    serializer: watched(serializer, (message) => {
      const [code, , reason] = message;
      if (code === Code.GOODBYE || code === Code.ABORT) farewell ??= String(reason);
      onMessage?.(message);
    }),
    ...options,
  });
  sockets.set(library, () => opened.last);
  return library;
}

export async function joinWampy(
  url: string,
  serializer: SerializerId,
  options: WampyOptions = {},
): Promise<WampyClient> {
  let onEnd!: (reason: string) => void;
  const ended = new Promise<string>((resolve) => (onEnd = resolve));
  const library = watchedWampy(url, serializer, { onEnd }, { autoReconnect: false, ...options });
  try {
    await library.connect();
  } catch (error) {
    throw error instanceof Errors.AbortError ? new AppError(error.errorUri) : error;
  }
  return new WampyClient({ library: 'wampy', serializer }, library, ended);
}

type Serializer = NonNullable<WampyOptions['serializer']>;

/** Shows each message that comes in. */
function watched(id: SerializerId, onMessage: (message: readonly unknown[]) => void): Serializer {
  const serializer: Serializer = SERIALIZERS[id]();
  const decode = serializer.decode.bind(serializer);
  serializer.decode = (bytes) => {
    const message = decode(bytes);
    onMessage(message as readonly unknown[]);
    return message;
  };
  return serializer;
}

export class WampyClient implements AppClient {
  readonly kind: ClientKind;
  readonly session: number;
  readonly ended: Promise<string>;
  readonly #wampy: Wampy;

  constructor(kind: ClientKind, library: Wampy, ended: Promise<string>) {
    this.kind = kind;
    this.#wampy = library;
    this.session = Number(library.getSessionId());
    this.ended = ended;
  }

  /**
   * False while the WebSocket closes: wampy rejects a request that it is given then, and sends it all the same when it has
   * connected again.
   */
  isOpen(): boolean {
    const { readyState = WebSocket.OPEN } = sockets.get(this.#wampy)?.() ?? {};
    return Number(this.#wampy.getSessionId()) === this.session && readyState === WebSocket.OPEN;
  }

  async subscribe(topic: string, handler: EventHandler, options?: object): Promise<() => Promise<unknown>> {
    const { subscriptionId } = await this.#wampy.subscribe(
      topic,
      ({ details, argsList, argsDict }) => {
        const { topic: published, publisher } = details;
        handler({
          ...this.#payload(argsList, argsDict),
          topic: published as string | undefined,
          publisher: number(publisher),
          retained: details['retained'] === true,
        });
      },
      options as Record<string, unknown>,
    );
    return () => this.#wampy.unsubscribe(subscriptionId);
  }

  async publish(topic: string, payload: Partial<Payload> = {}, options: object = {}): Promise<number> {
    const { publicationId } = await this.#wampy.publish(topic, this.#converted(payload), { ...options });
    return number(publicationId)!;
  }

  async register(procedure: string, endpoint: Endpoint, options: object = {}): Promise<() => Promise<unknown>> {
    try {
      await this.#wampy.register(
        procedure,
        async ({ details, argsList, argsDict, result_handler }) => {
          const invocation = {
            ...this.#payload(argsList, argsDict),
            procedure: details['procedure'] as string | undefined,
            caller: number(details['caller']),
            progress: (piece: Partial<Payload>) => {
              result_handler({ ...this.#converted(piece), options: { progress: true } });
            },
          };
          try {
            return this.#converted(await endpoint(invocation));
          } catch (error) {
            const { uri, args, kwargs } = error as AppError;
            // eslint-disable-next-line @typescript-eslint/only-throw-error -- what wampy wants thrown
            throw { error: uri, ...this.#converted({ args, kwargs }) };
          }
        },
        { ...options },
      );
      return () => this.#wampy.unregister(procedure);
    } catch (error) {
      throw this.#error(error);
    }
  }

  call(procedure: string, payload: Partial<Payload> = {}, options: object = {}): AppCall {
    const progress: Payload[] = [];
    const { receive_progress: wantsProgress, ...rest } = options as Record<string, unknown>;
    const asked = this.#wampy.call(procedure, this.#converted(payload), {
      ...rest,
      ...(wantsProgress === true
        ? {
            progress_callback: ({ argsList, argsDict }) => {
              progress.push(this.#payload(argsList, argsDict));
            },
          }
        : {}),
    });
    const { reqId } = this.#wampy.getOpStatus();
    const result = asked.then(
      ({ argsList, argsDict }) => this.#payload(argsList, argsDict),
      (error: unknown) => {
        throw this.#error(error);
      },
    );
    return {
      result,
      progress,
      cancel: (mode) => {
        this.#wampy.cancel(reqId, { mode });
      },
    };
  }

  async leave(): Promise<void> {
    await this.#wampy.disconnect();
  }

  #converted({ args = [], kwargs = {} }: Partial<Payload>): { argsList: unknown[]; argsDict: Record<string, unknown> } {
    const converted = toClient(this.kind.serializer, { args, kwargs }) as Payload;
    return { argsList: converted.args, argsDict: converted.kwargs };
  }

  #payload(args: unknown, kwargs: unknown): Payload {
    return payloadFrom(this.kind.serializer, args, kwargs);
  }

  #error(error: unknown): Error {
    if (!(error instanceof Errors.WampError)) return error as Error;
    const { args, kwargs } = fromClient(this.kind.serializer, {
      args: error.argsList ?? [],
      kwargs: error.argsDict ?? {},
    }) as Payload;
    return new AppError(error.errorUri, args, kwargs);
  }
}

/** Ids arrive as BigInt over MessagePack. */
function number(id: unknown): number | undefined {
  return id === undefined ? undefined : Number(id);
}
