import type { Backplane } from '../../backplane/backplane.js';
import type { Dealer } from '../../routing/dealer/dealer.js';
import type { ArgumentsOf } from '../../routing/meta/arguments.js';
import type { MetaProcedures } from '../../routing/meta/procedures.js';
import type { Session } from '../../session/ports.js';
import type { LimitName } from '../../telemetry/counters.js';
import type { Fault } from '../../wamp/faults.js';
import type { SessionId, Uri } from '../../wamp/ids.js';
import type { ProcedureCall, ProcedureResult } from '../router-procedures.js';

/** A reload may change them in place, except those of how many lists. */
export interface MetaLimits {
  /** Bytes of a session's authextra that others see. */
  readonly maxAuthextraBytes: number;
  /** Ids in one answer. */
  readonly maxMetaListIds: number;
  /** Lists that are made at a time, and those that wait. */
  readonly maxMetaLists: number;
  readonly maxWaitingMetaLists: number;
  readonly metaQuestionTimeoutMs: number;
}

export type MetaLimit = Extract<LimitName, 'meta_list_ids' | 'meta_lists' | 'meta_memory' | 'meta_question_timeout'>;

/** The parts of a realm and of the cluster that meta procedures read. */
export interface MetaSources {
  readonly realm: Uri;
  readonly backplane: Pick<Backplane, 'directory' | 'ask'>;
  readonly dealer: Pick<Dealer<Session>, 'directory' | 'revoke'>;
  /** The node knows that the session has left, though the store may still have its row. */
  readonly hasLeft: (session: SessionId) => boolean;
  readonly limits: MetaLimits;
  /** A bound has been reached. */
  readonly onLimit: (limit: MetaLimit) => void;
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
