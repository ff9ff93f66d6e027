import type { Uri } from '../../wamp/ids.js';
import type { Parameters } from './arguments.js';

/** The part of the meta API that a realm offers. `all`: also what ends sessions, registrations and subscriptions of others. */
export type MetaAccess = 'off' | 'read' | 'all';

/** A procedure of the router under `wamp.`, as far as it is data. */
export interface MetaProcedure<P extends Parameters = Parameters> {
  /** The least access at which the realm has the procedure. */
  readonly needs: Exclude<MetaAccess, 'off'>;
  readonly parameters: P;
  /** The work that a call causes. */
  readonly cost: string;
}

function reading<P extends Parameters>(parameters: P, cost: string): MetaProcedure<P> {
  return { needs: 'read', parameters, cost };
}

function ending<P extends Parameters>(parameters: P, cost: string): MetaProcedure<P> {
  return { needs: 'all', parameters, cost };
}

/** The fields that GOODBYE then has. */
const FAREWELL = { reason: 'uri?', message: 'text?' } as const;
const ASKS_ALL = 'one question to each node of the realm';

const BY_ROLE = { filter_authroles: 'texts?' } as const;

const REGISTRATION = { registration_id: 'id' } as const;
const SUBSCRIPTION = { subscription_id: 'id' } as const;
const MEMORY = 'memory of this node';
const ALL_OF_MEMORY = 'reads every registration of the realm from the memory of this node';

/** Every procedure under `wamp.` that the router has. */
export const META_PROCEDURES = {
  'wamp.session.count': reading(BY_ROLE, 'a fixed number of steps in the store'),
  'wamp.session.list': reading(BY_ROLE, 'reads every session of the realm from the store'),
  'wamp.session.get': reading({ session_id: 'id' }, 'one step in the store'),
  'wamp.session.kill': ending({ session_id: 'id', ...FAREWELL }, ASKS_ALL),
  'wamp.session.kill_by_authid': ending({ authid: 'text', ...FAREWELL }, ASKS_ALL),
  'wamp.session.kill_by_authrole': ending({ authrole: 'text', ...FAREWELL }, ASKS_ALL),
  'wamp.session.kill_all': ending(FAREWELL, ASKS_ALL),
  'wamp.registration.list': reading({ session_id: 'id?' }, ALL_OF_MEMORY),
  'wamp.registration.lookup': reading({ procedure: 'text', options: 'dict?' }, MEMORY),
  'wamp.registration.match': reading({ procedure: 'text' }, MEMORY),
  'wamp.registration.get': reading(REGISTRATION, MEMORY),
  'wamp.registration.list_callees': reading(REGISTRATION, MEMORY),
  'wamp.registration.count_callees': reading(REGISTRATION, MEMORY),
  'wamp.registration.remove_callee': ending({ ...REGISTRATION, callee_id: 'id', reason: 'uri?' }, ASKS_ALL),
  'wamp.subscription.list': reading({ session_id: 'id?' }, ASKS_ALL),
  'wamp.subscription.lookup': reading({ topic: 'text', options: 'dict?' }, ASKS_ALL),
  'wamp.subscription.match': reading({ topic: 'text' }, ASKS_ALL),
  'wamp.subscription.get': reading(SUBSCRIPTION, ASKS_ALL),
  'wamp.subscription.list_subscribers': reading(SUBSCRIPTION, ASKS_ALL),
  'wamp.subscription.count_subscribers': reading(SUBSCRIPTION, ASKS_ALL),
  'wamp.subscription.remove_subscriber': ending({ ...SUBSCRIPTION, subscriber_id: 'id', reason: 'uri?' }, ASKS_ALL),
} as const satisfies Readonly<Record<Uri, MetaProcedure>>;

export type MetaProcedures = typeof META_PROCEDURES;

/** Whether a realm with this access has the procedure. */
export function offers(access: MetaAccess, { needs }: MetaProcedure): boolean {
  return access === 'all' || access === needs;
}
