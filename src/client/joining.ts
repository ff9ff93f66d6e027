import type { List } from '../wamp/options.js';
import { withoutSecrets } from './address.js';
import { NotConnectedError } from './errors.js';
import { ClientHandshake, hello, type ReceivedWelcome } from './handshake.js';
import type { Link, LinkOptions } from './link.js';
import type { LoginMethod } from './login/login.js';
import { openLink } from './open-link.js';
import { decodeElements, encodeMessage } from './wire.js';

export interface JoinOptions extends LinkOptions {
  readonly realm: string;
  readonly login: LoginMethod;
  /** HELLO.Details.agent. */
  readonly agent: string;
}

/** A router sends one message at a time before WELCOME. */
const MAX_INBOX = 16;

/** A session, and where its messages go. */
export interface Joined<Session> {
  readonly session: Session;
  readonly receive: (message: List) => void;
  readonly closed: (reason: string) => void;
}

/** The way from an address to a session. */
export class Joining<Session> {
  readonly joined: Promise<Session>;
  readonly #options: JoinOptions;
  readonly #create: (link: Link, welcome: ReceivedWelcome) => Joined<Session>;
  readonly #handshake: ClientHandshake;
  /** Messages that arrived while an answer was made. */
  readonly #inbox: List[] = [];
  #link: Link | undefined;
  #isStepping = false;
  #isOver = false;
  #done: Joined<Session> | undefined;
  #resolve: (session: Session) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(options: JoinOptions, create: (link: Link, welcome: ReceivedWelcome) => Joined<Session>) {
    this.#options = options;
    this.#create = create;
    this.#handshake = new ClientHandshake(options.login);
    this.joined = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    void this.#begin();
  }

  async #begin(): Promise<void> {
    const { url, realm, agent, login, timeoutMs } = this.#options;
    const timer = setTimeout(() => this.#fail(`no session within ${timeoutMs / 1_000} s`), timeoutMs);
    const stop = (): void => this.#fail('interrupted');
    this.#options.signal?.addEventListener('abort', stop);
    void this.joined
      .catch(() => undefined)
      .then(() => {
        clearTimeout(timer);
        this.#options.signal?.removeEventListener('abort', stop);
      });
    try {
      const link = await openLink(this.#options, {
        receive: (bytes) => this.#receive(bytes),
        closed: (reason) => this.#closed(reason),
      });
      this.#link = link;
      if (this.#isOver) link.close();
      else link.send(encodeMessage(link.serializer, hello(realm, agent, login)));
    } catch (error) {
      if (error instanceof NotConnectedError) this.#fail(`cannot connect to ${withoutSecrets(url)}: ${error.message}`);
      else {
        this.#isOver = true;
        this.#reject(error);
        this.#link?.close();
      }
    }
  }

  #receive(bytes: Uint8Array): void {
    const { serializer } = this.#link as Link;
    const message = decodeElements(serializer, bytes);
    if (typeof message === 'string') {
      if (this.#done === undefined) this.#fail(`the router sent what is not ${serializer}: ${message}`);
      else this.#done.closed(`the router sent what is not ${serializer}: ${message}`);
      this.#link?.close();
    } else if (this.#done !== undefined) this.#done.receive(message);
    else {
      this.#inbox.push(message);
      if (this.#inbox.length > MAX_INBOX) this.#fail('the router sent too many messages before WELCOME');
      else if (!this.#isStepping) void this.#steps();
    }
  }

  async #steps(): Promise<void> {
    this.#isStepping = true;
    const link = this.#link as Link;
    for (let message = this.#inbox.shift(); message !== undefined && !this.#isOver; message = this.#inbox.shift()) {
      if (this.#done !== undefined) {
        this.#done.receive(message);
        continue;
      }
      try {
        const step = await this.#handshake.step(message);
        if (step.kind === 'send') link.send(encodeMessage(link.serializer, step.message));
        else if (step.kind === 'failed') this.#fail(step.message, step.uri);
        else this.#succeed(link, step.welcome);
      } catch (error) {
        this.#reject(error);
        link.close();
      }
    }
    this.#isStepping = false;
  }

  #succeed(link: Link, welcome: ReceivedWelcome): void {
    if (this.#isOver) return;
    this.#done = this.#create(link, welcome);
    this.#resolve(this.#done.session);
  }

  #closed(reason: string): void {
    if (this.#done !== undefined) this.#done.closed(reason);
    else this.#fail(`the router closed the connection before the session began${reason === '' ? '' : `: ${reason}`}`);
  }

  #fail(message: string, uri?: string): void {
    this.#isOver = true;
    this.#reject(new NotConnectedError(message, uri));
    this.#link?.close();
  }
}
