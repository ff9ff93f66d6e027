import type { TransportDetails } from '../../backplane/session-row.js';
import { Code } from '../../wamp/codes.js';
import type { SessionId, Uri } from '../../wamp/ids.js';
import type { Call, Publish, Register, Subscribe } from '../../wamp/messages.js';
import type { AudienceLists, Dict, List, MatchPolicy } from '../../wamp/options.js';
import { unreachable } from '../../wamp/unreachable.js';
import type { Action } from './permission.js';

/** A message that needs permission for the URI that it names. */
export type Request = Publish | Subscribe | Call | Register;

/** The session that asks for permission. */
export interface Asker {
  readonly session: SessionId;
  readonly realm: Uri;
  readonly authid: string;
  readonly authrole: string;
  readonly authmethod: string;
  readonly authprovider: string;
  readonly authextra: Dict | undefined;
  readonly transport: TransportDetails;
  readonly isOpen: boolean;
}

/** One question to an authorizer. */
export interface AuthorizerQuestion {
  readonly action: Action;
  readonly uri: Uri;
  readonly match: MatchPolicy;
  readonly asker: Asker;
  readonly request: Request;
}

/** The arguments of the call, those of Crossbar.io: session details, URI, action, options (AZ-3). */
export function argumentsOf({ action, uri, asker, request }: AuthorizerQuestion): List {
  const { session, realm, authid, authrole, authmethod, authprovider, authextra, transport } = asker;
  const details = {
    session,
    realm,
    authid,
    authrole,
    authmethod,
    authprovider,
    authextra: authextra ?? null,
    transport: { ...transport },
  };
  return [details, uri, action, optionsOf(request)];
}

/** The options that an authorizer can decide on, as the client names them. */
function optionsOf(request: Request): Dict {
  switch (request[0]) {
    case Code.PUBLISH: {
      const { acknowledge, discloseMe, audience } = request[2];
      return { acknowledge, ...flag('disclose_me', discloseMe), ...listsOf(audience ?? {}) };
    }
    case Code.CALL:
      return flag('disclose_me', request[2].discloseMe);
    case Code.SUBSCRIBE:
      return { match: request[2].match };
    case Code.REGISTER: {
      const { match, invoke, forceReregister } = request[2];
      return { match, invoke, ...flag('force_reregister', forceReregister) };
    }
    default:
      return unreachable(request);
  }
}

function flag(name: string, isSet: boolean): Dict {
  return isSet ? { [name]: true } : {};
}

function listsOf(lists: AudienceLists): Dict {
  return {
    ...list('eligible', lists.eligible),
    ...list('eligible_authid', lists.eligibleAuthid),
    ...list('eligible_authrole', lists.eligibleAuthrole),
    ...list('exclude', lists.exclude),
    ...list('exclude_authid', lists.excludeAuthid),
    ...list('exclude_authrole', lists.excludeAuthrole),
  };
}

function list(name: string, entries: Iterable<unknown> | undefined): Dict {
  return entries === undefined ? {} : { [name]: [...entries] };
}
