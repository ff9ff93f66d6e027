import type { RouterProcedure, RouterProcedures } from '../realm/router-procedures.js';
import type { NodeId, Uri } from '../wamp/ids.js';

export interface RouterProcedureSources {
  readonly node: NodeId;
  /** As in WELCOME. */
  readonly agent: string;
}

const SESSION_INFO: Uri = 'gantry.session.info';

/** URIs of the procedures that the router itself has. */
export const ROUTER_PROCEDURES: ReadonlySet<Uri> = new Set([SESSION_INFO]);

/** The procedures of the router itself, as this node carries them out. */
export function createRouterProcedures(sources: RouterProcedureSources): RouterProcedures {
  return new Map([[SESSION_INFO, sessionInfo(sources)]]);
}

/** The caller as the router knows it, and the node that serves it. */
function sessionInfo({ node, agent }: RouterProcedureSources): RouterProcedure {
  return ({ realm, caller: { session, authid, authrole, authmethod, authprovider, serializer } }) => ({
    args: [{ realm, session, authid, authrole, authmethod, authprovider, serializer, node, agent }],
  });
}
