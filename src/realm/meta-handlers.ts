import type { Backplane } from '../backplane/backplane.js';
import type { Dealer } from '../routing/dealer/dealer.js';
import type { ArgumentsOf } from '../routing/meta/arguments.js';
import type { MetaProcedures } from '../routing/meta/procedures.js';
import type { Session } from '../session/ports.js';
import type { Fault } from '../wamp/faults.js';
import type { Uri } from '../wamp/ids.js';
import type { ProcedureCall, ProcedureResult } from './router-procedures.js';

/** The parts of a realm and of the cluster that meta procedures read. */
export interface MetaSources {
  readonly realm: Uri;
  readonly backplane: Pick<Backplane, 'directory' | 'ask'>;
  readonly dealer: Pick<Dealer<Session>, 'directory' | 'revoke'>;
}

/** Carries out one procedure, whose arguments have been read as the table has them. */
export type MetaHandler<Arguments> = (
  args: Arguments,
  call: ProcedureCall,
) => ProcedureResult | Fault | Promise<ProcedureResult | Fault>;

export type MetaHandlers = {
  readonly [Name in keyof MetaProcedures]: MetaHandler<ArgumentsOf<MetaProcedures[Name]['parameters']>>;
};

/** The handlers of those procedures whose names begin with the prefix. */
export type HandlersOf<Prefix extends string> = Pick<MetaHandlers, keyof MetaHandlers & `${Prefix}${string}`>;
