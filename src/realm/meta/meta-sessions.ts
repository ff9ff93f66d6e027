import type { SessionDetails, TransportDetails } from '../../backplane/session-row.js';
import { fault, type Fault } from '../../wamp/faults.js';
import type { SessionId, Uri } from '../../wamp/ids.js';
import type { Dict } from '../../wamp/options.js';
import { ErrorUri } from '../../wamp/uris.js';
import type { HandlersOf, MetaSources } from './meta-handlers.js';
import { reading, tooLong, type Lists } from './meta-question.js';

/** `wamp.session.*`: the sessions of the realm in the directory, on whichever node they are (SMA-5). */
export function sessionProcedures(
  sources: MetaSources,
  lists: Lists,
): Omit<HandlersOf<'wamp.session.'>, keyof HandlersOf<'wamp.session.kill'>> {
  const { realm, backplane, hasLeft, limits } = sources;
  const { sessions } = backplane.directory;
  return {
    'wamp.session.count': ({ filter_authroles: roles }) =>
      reading(async () => ({ args: [await sessions.count(realm, rolesIn(roles))] })),
    'wamp.session.list': ({ filter_authroles: roles }, { signal }) =>
      lists.make(signal, () =>
        reading(async () => {
          const ids: SessionId[] = [];
          for await (const part of sessions.list(realm, rolesIn(roles))) {
            for (const { session } of part) if (!hasLeft(session)) ids.push(session);
            if (ids.length > limits.maxMetaListIds) return tooLong(sources, 'count them, or list by authrole');
            // The call has ended: nobody receives the list.
            if (signal.aborted) break;
          }
          return { args: [ids] };
        }),
      ),
    'wamp.session.get': ({ session_id: id }) =>
      reading(async () => {
        const row = await sessions.get(realm, id as SessionId);
        return row === undefined || hasLeft(row.session)
          ? noSuchSession(id)
          : { args: [sessionDetails(realm, row, row.authextra)] };
      }),
  };
}

/** Details of a session, as `wamp.session.get` and `wamp.session.on_join` have them. Nothing secret (SMA-6). */
export function sessionDetails(
  realm: Uri,
  session: Omit<SessionDetails, 'authextra' | 'transport'> & Partial<SessionDetails>,
  authextra: Dict | undefined,
): Dict {
  const { session: id, authid, authrole, authmethod, authprovider, transport } = session;
  return {
    session: id,
    realm,
    authid,
    authrole,
    authmethod,
    authprovider,
    ...(authextra !== undefined && { authextra }),
    ...(transport !== undefined && { transport: shown(transport) }),
  };
}

/** The address of the client is not for others. */
function shown({ type, protocol, serializer }: TransportDetails): Dict {
  return { type, protocol, serializer };
}

/** An empty filter stands for no filter (SMA-8). */
function rolesIn(roles: readonly string[] | undefined): readonly string[] | undefined {
  return roles?.length === 0 ? undefined : roles;
}

export function noSuchSession(session: number): Fault {
  return fault(ErrorUri.NO_SUCH_SESSION, `the realm has no session ${session}`);
}
