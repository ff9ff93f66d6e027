import { fault, isFault, type Fault } from '../../wamp/faults.js';
import { isId, type SessionId, type Uri } from '../../wamp/ids.js';
import { CloseUri, ErrorUri } from '../../wamp/uris.js';
import type { HandlersOf } from './meta-handlers.js';
import { askNodes, type Asked } from './meta-question.js';
import { noSuchSession } from './meta-sessions.js';
import type { ProcedureCall } from '../router-procedures.js';
import { KILL_SUBJECT, type KillOrder } from '../sessions/session-killer.js';

interface Farewell {
  readonly reason?: Uri | undefined;
  readonly message?: string | undefined;
}

/** `wamp.session.kill*`: closes sessions on whichever nodes they are; never the caller's own (SMA-5). */
export function killProcedures(sources: Asked): HandlersOf<'wamp.session.kill'> {
  const kill = (
    { caller }: ProcedureCall,
    { reason, message }: Farewell,
    which: Pick<KillOrder, 'by' | 'value'>,
  ): Promise<Killed | Fault> => {
    const base = { ...which, except: caller.session, reason: reason ?? CloseUri.KILLED };
    return closeSessions(sources, message === undefined ? base : { ...base, message });
  };
  return {
    'wamp.session.kill': async ({ session_id: id, ...farewell }, call) => {
      const killed = await kill(call, farewell, { by: 'session', value: id as SessionId });
      if (isFault(killed)) return killed;
      if (killed.ids.length > 0) return {};
      return killed.missing.length > 0 ? incomplete(killed) : noSuchSession(id);
    },
    'wamp.session.kill_by_authid': async ({ authid: value, ...farewell }, call) => {
      const killed = await kill(call, farewell, { by: 'authid', value });
      if (isFault(killed)) return killed;
      return killed.missing.length > 0 ? incomplete(killed) : { args: [killed.ids] };
    },
    'wamp.session.kill_by_authrole': async ({ authrole: value, ...farewell }, call) =>
      counted(await kill(call, farewell, { by: 'authrole', value })),
    'wamp.session.kill_all': async (farewell, call) => counted(await kill(call, farewell, { by: 'all' })),
  };
}

export interface Killed {
  readonly ids: readonly SessionId[];
  /** Nodes that did not answer. */
  readonly missing: readonly string[];
}

/** Closes sessions of the realm on every node. A Fault: the cluster cannot be reached. */
export async function closeSessions(sources: Asked, order: KillOrder): Promise<Killed | Fault> {
  const asked = await askNodes(sources, KILL_SUBJECT, order);
  if (isFault(asked)) return asked;
  const { answers, silent } = asked;
  const ids = answers.flatMap(({ body }) => (Array.isArray(body) ? body.filter(isId) : [])) as SessionId[];
  const odd = answers.filter(({ body }) => !Array.isArray(body)).map(({ node }) => node);
  return { ids, missing: [...silent, ...odd] };
}

/** The number of closed sessions. */
export function counted(killed: Killed | Fault): { readonly args: readonly [number] } | Fault {
  if (isFault(killed)) return killed;
  return killed.missing.length > 0 ? incomplete(killed) : { args: [killed.ids.length] };
}

/** Never a smaller number: the caller must know that sessions may be left. */
function incomplete({ ids, missing }: Killed): Fault {
  const nodes = missing.join(', ');
  return fault(
    ErrorUri.UNAVAILABLE,
    `${ids.length} sessions were closed, but not all nodes answered (${nodes}): call again`,
  );
}
