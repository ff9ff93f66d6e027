import { answerChallenge } from './login.js';

/** The messages that this client sends or receives. */
const HELLO = 1;
const WELCOME = 2;
const ABORT = 3;
const CHALLENGE = 4;
const AUTHENTICATE = 5;
const GOODBYE = 6;
const ERROR = 8;
const SUBSCRIBE = 32;
const SUBSCRIBED = 33;
const UNSUBSCRIBE = 34;
const UNSUBSCRIBED = 35;
const EVENT = 36;
const CALL = 48;
const RESULT = 50;

const EVENT_HEAD = new RegExp(String.raw`^\[${EVENT},(\d+),(\d+),`);
const REQUEST_LIMIT_MS = 20_000;
const JOIN_LIMIT_MS = 20_000;

const ROLES = {
  caller: { features: {} },
  subscriber: {
    features: { pattern_based_subscription: true, event_retention: true, subscription_revocation: true },
  },
};

/** An ERROR, ABORT or GOODBYE of the router, or the loss of the connection (`lost`). */
export class WampError extends Error {
  constructor(uri, message) {
    super(message);
    this.uri = uri;
  }

  static of(uri, args, details) {
    const reason = typeof args?.[0] === 'string' ? args[0] : details?.message;
    return new WampError(uri, typeof reason === 'string' ? `${uri}: ${reason}` : uri);
  }
}

/**
 * Opens a session, over JSON. `login`: realm, method (`anonymous`, `ticket` or `wampcra`), authid and secret.
 * `onLost` is called once when an open session ends, unless this side left it.
 */
export function join(url, login, onLost) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, 'wamp.2.json');
    const fail = (error) => {
      clearTimeout(limit);
      socket.onmessage = socket.onclose = null;
      socket.close();
      reject(error);
    };
    const limit = setTimeout(() => fail(new WampError('lost', 'the router does not answer')), JOIN_LIMIT_MS);
    socket.onclose = () => fail(new WampError('lost', 'the router cannot be reached, or refuses this page'));
    socket.onopen = () => socket.send(JSON.stringify([HELLO, login.realm, helloDetails(login)]));
    socket.onmessage = ({ data }) => {
      const [code, ...message] = JSON.parse(data);
      if (code === WELCOME) {
        clearTimeout(limit);
        resolve(new Session(socket, message[0], message[1], onLost));
      } else if (code === CHALLENGE) {
        answerChallenge(message[0], login.secret, message[1]).then(
          (answer) => socket.send(JSON.stringify([AUTHENTICATE, answer, {}])),
          fail,
        );
      } else if (code === ABORT) fail(WampError.of(message[1], undefined, message[0]));
    };
  });
}

function helloDetails({ method, authid }) {
  return { roles: ROLES, authmethods: [method], ...(authid !== '' && { authid }), agent: 'gantry-console' };
}

class Session {
  #socket;
  #onLost;
  #lastRequest = 0;
  /** Open requests, by id. */
  #pending = new Map();
  /** Listeners by subscription id: two to the same topic are one subscription for the router. */
  #subscriptions = new Map();

  constructor(socket, id, details, onLost) {
    this.#socket = socket;
    this.#onLost = onLost;
    this.id = id;
    this.details = details;
    socket.onmessage = ({ data }) => this.#received(data);
    socket.onclose = () => this.#end(new WampError('lost', 'the connection to the router was lost'));
  }

  get isOpen() {
    return this.#socket !== undefined;
  }

  /** Resolves with the first positional result. */
  async call(procedure, args = [], kwargs = {}) {
    const [, values] = await this.#request(CALL, {}, procedure, args, kwargs);
    return values?.[0];
  }

  /** Resolves with the whole result: its positional values and its keywords. */
  async callWhole(procedure, args = [], kwargs = {}) {
    const [, values = [], more = {}] = await this.#request(CALL, {}, procedure, args, kwargs);
    return { args: values, kwargs: more };
  }

  /**
   * `onEvent` receives the text of each EVENT message, which may be too much to parse. `onRevoked`: the router has ended the
   * subscription. Resolves with what `unsubscribe` takes; rejects only with an ERROR or the loss of the connection, because the
   * router answers when the lease of a node that has just died is over.
   */
  async subscribe(topic, options, onEvent, onRevoked = () => undefined) {
    const [id] = await this.#request(SUBSCRIBE, options, topic);
    const listener = { id, onEvent, onRevoked };
    const listeners = this.#subscriptions.get(id) ?? new Set();
    this.#subscriptions.set(id, listeners.add(listener));
    return listener;
  }

  /** No event comes any more, whatever the router answers. */
  async unsubscribe(listener) {
    const listeners = this.#subscriptions.get(listener.id);
    if (!listeners?.delete(listener) || listeners.size > 0) return;
    this.#subscriptions.delete(listener.id);
    await this.#request(UNSUBSCRIBE, listener.id);
  }

  leave() {
    if (this.#socket === undefined) return;
    this.#onLost = () => undefined;
    this.#socket.send(JSON.stringify([GOODBYE, {}, 'wamp.close.close_realm']));
    this.#end(new WampError('lost', 'signed out'));
  }

  #request(code, ...rest) {
    if (this.#socket === undefined) return Promise.reject(new WampError('lost', 'there is no connection'));
    const request = ++this.#lastRequest;
    return new Promise((resolve, reject) => {
      const isLate = () => this.#settle(request)?.reject(new WampError('lost', 'the router has not answered in time'));
      const limit = code === SUBSCRIBE ? undefined : setTimeout(isLate, REQUEST_LIMIT_MS);
      this.#pending.set(request, { resolve, reject, limit });
      this.#socket.send(JSON.stringify([code, request, ...rest]));
    });
  }

  #received(text) {
    const head = EVENT_HEAD.exec(text);
    if (head !== null) {
      for (const { onEvent } of this.#subscriptions.get(Number(head[1])) ?? []) onEvent(text);
      return;
    }
    const [code, first, ...rest] = JSON.parse(text);
    if (code === RESULT || code === SUBSCRIBED) this.#settle(first)?.resolve(rest);
    else if (code === UNSUBSCRIBED && first !== 0) this.#settle(first)?.resolve(rest);
    else if (code === UNSUBSCRIBED) this.#revoked(rest[0]);
    else if (code === ERROR) this.#settle(rest[0])?.reject(WampError.of(rest[2], rest[3], rest[1]));
    else if (code === GOODBYE) this.#end(WampError.of(rest[0], undefined, first));
  }

  #revoked({ subscription, reason }) {
    const listeners = this.#subscriptions.get(subscription) ?? [];
    this.#subscriptions.delete(subscription);
    for (const { onRevoked } of listeners) onRevoked(reason);
  }

  #settle(request) {
    const pending = this.#pending.get(request);
    this.#pending.delete(request);
    clearTimeout(pending?.limit);
    return pending;
  }

  #end(error) {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#socket = undefined;
    socket.onmessage = socket.onclose = null;
    socket.close();
    this.#subscriptions.clear();
    for (const request of [...this.#pending.keys()]) this.#settle(request)?.reject(error);
    this.#onLost(error);
  }
}

/** The content of an EVENT message. */
export function readEvent(text) {
  const [, , publication, details, args = [], kwargs = {}] = JSON.parse(text);
  return { publication, details, args, kwargs };
}
