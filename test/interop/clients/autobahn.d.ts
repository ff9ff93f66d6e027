/** As much of autobahn-js as the tests use; it brings no types. */
declare module 'autobahn' {
  type Kwargs = Record<string, unknown>;

  interface Disclosed {
    readonly retained?: boolean;
    readonly publication?: number;
    readonly topic?: string;
    readonly procedure?: string;
    readonly publisher?: number;
    readonly caller?: number;
    readonly progress?: ((args: unknown[], kwargs?: Kwargs) => void) | null;
  }

  /** A promise of when.js: with progress, and with `cancel` when it stands for a call. */
  interface Pending<T> {
    then(done: (value: T) => void, failed: (error: unknown) => void, progressed?: (value: unknown) => void): void;
    cancel(options: object): void;
  }

  export interface Subscription {
    unsubscribe(): PromiseLike<unknown>;
  }

  export interface Registration {
    unregister(): PromiseLike<unknown>;
  }

  export interface Session {
    readonly id: number;
    readonly isOpen: boolean;
    subscribe(
      topic: string,
      handler: (args: unknown[], kwargs: Kwargs, details: Disclosed) => void,
      options?: object,
    ): PromiseLike<Subscription>;
    publish(topic: string, args?: unknown[], kwargs?: Kwargs, options?: object): PromiseLike<{ readonly id: number }>;
    register(
      procedure: string,
      endpoint: (args: unknown[], kwargs: Kwargs, details: Disclosed) => unknown,
      options?: object,
    ): PromiseLike<Registration>;
    call(procedure: string, args?: unknown[], kwargs?: Kwargs, options?: object): Pending<unknown>;
  }

  export interface Serializer {
    readonly SERIALIZER_ID: string;
  }

  export class Connection {
    constructor(options: object);
    onopen: (session: Session, details: Record<string, unknown>) => void;
    onclose: (reason: string, details: { readonly reason: string | null; readonly will_retry: boolean }) => boolean;
    readonly isOpen: boolean;
    readonly isConnected: boolean;
    open(): void;
    close(reason?: string, message?: string): void;
  }

  export class Result {
    readonly args: unknown[];
    readonly kwargs: Kwargs;
    constructor(args: unknown[], kwargs?: Kwargs);
  }

  class WampError {
    readonly error: string;
    readonly args: unknown[];
    readonly kwargs: Kwargs;
    constructor(error: string, args?: unknown[], kwargs?: Kwargs);
  }
  export { WampError as Error };

  export const serializer: Record<'JSONSerializer' | 'MsgpackSerializer' | 'CBORSerializer', new () => Serializer>;
  export const auth_cra: {
    sign(key: string, challenge: string): string;
    derive_key(secret: string, salt: string, iterations: number, keylen: number): string;
  };
  export const auth_cryptosign: {
    sign_challenge(pkey: { readonly secretKey: Uint8Array }, extra: object): string;
  };
  export const log: { warn: (...words: unknown[]) => void };
}
