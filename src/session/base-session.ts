import type { TransportDetails } from '../backplane/session-row.js';
import type { Features } from '../wamp/features.js';
import type { SessionId, Uri } from '../wamp/ids.js';
import type { Publish, Subscribe } from '../wamp/messages.js';
import type { Dict } from '../wamp/options.js';
import type { Decision } from './authorization/permission.js';
import type { Asker } from './authorization/question.js';
import type { Authorizer } from './ports.js';

export interface BaseTraits extends Omit<Asker, 'isOpen'> {
  readonly features: Features;
  readonly authorizer: Authorizer;
}

/** The part that all sessions have: identity, the authorizer that decides on their messages, and whether they are open. */
export abstract class BaseSession implements Asker {
  readonly session: SessionId;
  readonly realm: Uri;
  readonly authid: string;
  readonly authrole: string;
  readonly authmethod: string;
  readonly authprovider: string;
  readonly authextra: Dict | undefined;
  readonly transport: TransportDetails;
  readonly features: Features;
  #authorizer: Authorizer;
  #isOpen = true;

  protected constructor(traits: BaseTraits) {
    this.session = traits.session;
    this.realm = traits.realm;
    this.authid = traits.authid;
    this.authrole = traits.authrole;
    this.authmethod = traits.authmethod;
    this.authprovider = traits.authprovider;
    this.authextra = traits.authextra;
    this.transport = traits.transport;
    this.features = traits.features;
    this.#authorizer = traits.authorizer;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The session has ended. */
  seal(): void {
    this.#isOpen = false;
  }

  get authorizer(): Authorizer {
    return this.#authorizer;
  }

  reauthorize(authorizer: Authorizer): void {
    this.#authorizer = authorizer;
  }

  mayPublish(message: Publish): Decision | Promise<Decision> {
    return this.#authorizer.authorize('publish', message[3], 'exact', this, message);
  }

  maySubscribe(message: Subscribe): Decision | Promise<Decision> {
    return this.#authorizer.authorize('subscribe', message[3], message[2].match, this, message);
  }
}
