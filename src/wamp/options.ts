import type { SessionIds } from './session-ids.js';

export type Dict = Readonly<Record<string, unknown>>;
export type List = readonly unknown[];

/** The empty dict most messages carry; encoders recognise it by identity. */
export const NO_DETAILS: Dict = Object.freeze({});
/** The details of a progressive result, and of a progressive invocation. Encoders recognise them by identity. */
export const PROGRESS: Dict = Object.freeze({ progress: true });
/** The details of an invocation whose caller takes progressive results. Encoders recognise them by identity. */
export const RECEIVE_PROGRESS: Dict = Object.freeze({ receive_progress: true });

export type MatchPolicy = 'exact' | 'prefix' | 'wildcard';
export type InvocationPolicy = 'single' | 'roundrobin' | 'random' | 'first' | 'last';
export type CancelMode = 'skip' | 'kill' | 'killnowait';

/** Options of payload passthru, forwarded word for word and never interpreted (PPT-1, PPT-5). */
export interface Passthru {
  /** `ppt`: the spec's ppt_* keys. `enc`: the enc_* keys of autobahn, whose payload may be one string in place of the list. */
  readonly form: 'ppt' | 'enc';
  readonly details: Dict;
}

/** Presence decides, not content: an empty eligible set admits nobody (BWL-1, BWL-2). */
export interface AudienceLists {
  readonly eligible?: SessionIds;
  readonly eligibleAuthid?: ReadonlySet<string>;
  readonly eligibleAuthrole?: ReadonlySet<string>;
  readonly exclude?: SessionIds;
  readonly excludeAuthid?: ReadonlySet<string>;
  readonly excludeAuthrole?: ReadonlySet<string>;
}

/**
 * An integer from 0, the lowest, that the permission of a caller or publisher gives (rules 6.6, 7.4). The session layer adds
 * it to the options; no client can send it.
 */
export type TrustLevel = number;

export interface PublishOptions {
  readonly acknowledge: boolean;
  readonly excludeMe: boolean;
  readonly discloseMe: boolean;
  readonly audience?: AudienceLists;
  readonly passthru?: Passthru;
  /** The event becomes the retained one of its topic (RET-1). */
  readonly retain?: true;
  readonly trustLevel?: TrustLevel;
}

export interface SubscribeOptions {
  readonly match: MatchPolicy;
  /** The retained event follows SUBSCRIBED (RET-2). */
  readonly getRetained?: true;
}

/** Milliseconds are the specification's; seconds are what Crossbar.io and its clients mean. */
export type TimeUnit = 'ms' | 's';

export interface CallOptions {
  /** 0: none (TMO-1). The value of the caller until the session layer has applied the realm's unit. */
  readonly timeoutMs: number;
  readonly receiveProgress: boolean;
  /** More CALLs with this request id follow (PCI-1). */
  readonly progress: boolean;
  readonly discloseMe: boolean;
  readonly passthru?: Passthru;
  readonly trustLevel?: TrustLevel;
}

export interface CancelOptions {
  readonly mode: CancelMode;
}

export interface RegisterOptions {
  readonly match: MatchPolicy;
  readonly invoke: InvocationPolicy;
  readonly discloseCaller: boolean;
  readonly forwardTimeout: boolean;
  /** Invocations a callee takes at once; absent: no bound (Crossbar.io). */
  readonly concurrency?: number;
  /** Revokes the callees that hold the procedure and takes their place (Crossbar.io). */
  readonly forceReregister: boolean;
}

export interface YieldOptions {
  readonly progress: boolean;
  readonly passthru?: Passthru;
}

export interface ErrorOptions {
  readonly passthru?: Passthru;
}
