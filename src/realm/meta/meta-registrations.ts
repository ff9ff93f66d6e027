import { registrationDetails } from '../../routing/meta/registration-events.js';
import type { Registration } from '../../routing/ports.js';
import { own } from '../../wamp/dict.js';
import { fault, isFault, type Fault } from '../../wamp/faults.js';
import type { RegistrationId, SessionId } from '../../wamp/ids.js';
import type { Dict, MatchPolicy } from '../../wamp/options.js';
import { ErrorUri } from '../../wamp/uris.js';
import { idsByPolicy, type Listed } from '../ids-by-policy.js';
import type { HandlersOf, MetaSources } from './meta-handlers.js';
import { askAll, reading, readRemoval, sessionList, tooLong, type Lists } from './meta-question.js';
import { noSuchSession } from './meta-sessions.js';
import type { ProcedureResult } from '../router-procedures.js';

const REMOVE_CALLEE = 'registration.remove_callee';

/** `wamp.registration.*`: the registrations of the cluster, which every node mirrors. Those of the router are not among them (RMA-1). */
export function registrationProcedures(sources: MetaSources, lists: Lists): HandlersOf<'wamp.registration.'> {
  const { realm, backplane, dealer } = sources;
  const { directory } = dealer;
  const about = (
    id: number,
    answer: (registration: Registration) => ProcedureResult | Fault,
  ): ProcedureResult | Fault => {
    const registration = directory.byId(id as RegistrationId);
    return registration === undefined ? noSuchRegistration(id) : answer(registration);
  };
  return {
    'wamp.registration.list': ({ session_id: session }, { signal }) =>
      lists.make(signal, () =>
        reading(async () => {
          if (session === undefined) return byPolicy(sources, directory.all);
          const row = await backplane.directory.sessions.get(realm, session as SessionId);
          if (row === undefined) return noSuchSession(session);
          return byPolicy(sources, directory.all.filter(hasCallee(session)));
        }),
      ),
    'wamp.registration.lookup': ({ procedure, options }) => {
      const match = matchIn(options);
      return isFault(match) ? match : { args: [directory.find(procedure, match)?.id ?? null] };
    },
    'wamp.registration.match': ({ procedure }) => ({ args: [directory.match(procedure)?.registration.id ?? null] }),
    'wamp.registration.get': ({ registration_id: id }) =>
      about(id, (registration) => ({ args: [registrationDetails(registration)] })),
    'wamp.registration.list_callees': ({ registration_id: id }) =>
      about(id, ({ callees }) =>
        sessionList(
          sources,
          callees.map(({ session }) => session),
        ),
      ),
    'wamp.registration.count_callees': ({ registration_id: id }) =>
      about(id, ({ callees }) => ({ args: [callees.length] })),
    'wamp.registration.remove_callee': async ({ registration_id: id, callee_id: callee, reason }) => {
      if (directory.byId(id as RegistrationId) === undefined) return noSuchRegistration(id);
      const answers = await askAll(sources, REMOVE_CALLEE, [id, callee, reason ?? null]);
      if (answers.bodies.includes(true)) return { args: [null] };
      return answers.missing ?? noSuchSession(callee);
    },
  };
}

/** Answers the questions of other nodes about sessions of this node. */
export function answerRemoveCallee(
  dealer: MetaSources['dealer'],
): readonly [subject: string, answer: (body: unknown) => Promise<unknown>] {
  return [
    REMOVE_CALLEE,
    (body) => {
      const removal = readRemoval(body);
      if (removal === undefined) return Promise.resolve(false);
      const { id, session, reason } = removal;
      return Promise.resolve(dealer.revoke(session, id as RegistrationId, reason));
    },
  ];
}

/** The `match` of an options argument, `exact` without it. */
export function matchIn(options: Dict | undefined): MatchPolicy | Fault {
  const match = options === undefined ? undefined : own(options, 'match');
  if (match === undefined) return 'exact';
  if (match === 'exact' || match === 'prefix' || match === 'wildcard') return match;
  return fault(ErrorUri.INVALID_ARGUMENT, 'options.match: expected "exact", "prefix" or "wildcard"');
}

/** The result of a `list` procedure. A Fault: it has too many ids. */
export function byPolicy(
  sources: Pick<MetaSources, 'limits' | 'onLimit'>,
  all: readonly Listed[],
): ProcedureResult | Fault {
  if (all.length > sources.limits.maxMetaListIds) return tooLong(sources, 'list those of one session');
  return { args: [idsByPolicy(all)] };
}

function hasCallee(session: number): (registration: Registration) => boolean {
  return ({ callees }) => callees.some((callee) => callee.session === session);
}

function noSuchRegistration(id: number): Fault {
  return fault(ErrorUri.NO_SUCH_REGISTRATION, `the realm has no registration ${id}`);
}
