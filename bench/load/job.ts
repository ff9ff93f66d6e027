import type { AttackName } from './attacks.js';
import type { Endpoint, Serializer } from './endpoint.js';
import type { LoginName } from './logins.js';

/** One publisher's events to many subscribers; the publisher may sit in another process (null). */
export interface FanoutJob {
  readonly kind: 'fanout';
  readonly publisher: Serializer | null;
  readonly subscribers: readonly Serializer[];
  /** How many subscribers each other process has; only the publisher's process needs it. */
  readonly remoteSubscribers: readonly number[];
  /** Where the subscribers are, when that is not where the publisher is. */
  readonly audience?: Endpoint;
  readonly topic: string;
  readonly payloadBytes: number;
}

export interface RpcJob {
  readonly kind: 'rpc';
  readonly serializer: Serializer;
  readonly callers: number;
  readonly callees: number;
  /** Where the callees are, when that is not where the callers are. */
  readonly calleesAt?: Endpoint;
  readonly payloadBytes: number;
}

export interface ProgressiveJob {
  readonly kind: 'progressive';
  readonly serializer: Serializer;
  readonly chunksPerCall: number;
  readonly payloadBytes: number;
}

/** One publisher that asks for acknowledgements, on a topic that nobody has subscribed to. */
export interface AcknowledgedJob {
  readonly kind: 'acknowledged';
  readonly topic: string;
  readonly payloadBytes: number;
}

/** Connections that join (or, on the relay, only connect) and then send nothing. */
export interface IdleJob {
  readonly kind: 'idle';
  readonly serializer: Serializer;
  readonly connections: number;
}

/** Sessions with one subscription each (on the relay only connections), which all come back when they are dropped. */
export interface CrowdJob {
  readonly kind: 'crowd';
  readonly connections: number;
  /** Client addresses to take turns with, because one has less than 65,536 ports; empty: the system's choice. */
  readonly addresses: readonly string[];
  /** Keeps the topics of several processes apart. */
  readonly prefix: string;
}

/** Sessions that hold subscriptions to topics nobody else uses. */
export interface SubscriptionsJob {
  readonly kind: 'subscriptions';
  readonly serializer: Serializer;
  readonly sessions: number;
  readonly subscriptionsPerSession: number;
  readonly match: 'exact' | 'pattern';
  /** Keeps the topics of several processes apart. */
  readonly prefix: string;
  /** How many SUBSCRIBEs may be unanswered at once. */
  readonly outstanding: number;
  /** Each topic has a retained event, which each SUBSCRIBE asks for. */
  readonly getsRetained?: boolean;
}

/** Connect, join, subscribe, leave, close: over and over; `run` does `cycles` of them. */
export interface ChurnJob {
  readonly kind: 'churn';
  readonly serializer: Serializer;
  readonly cycles: number;
  readonly concurrency: number;
  /** Client addresses 127.x.0.y to take turns with, so that no port is reused while it is in TIME_WAIT. */
  readonly addressBlock: number | null;
}

/** Sessions that join by one method and leave, over and over on the same connections. */
export interface JoinsJob {
  readonly kind: 'joins';
  readonly login: LoginName;
  readonly connections: number;
}

/** Two ordinary sessions beside an attack, whose latency is the figure. */
export interface InnocentsJob {
  readonly kind: 'innocents';
  readonly what: 'event' | 'call';
}

export interface AttackJob {
  readonly kind: 'attack';
  readonly attack: AttackName;
  /** The share of the attack's connections that this process opens; 1 where the attack is measured. */
  readonly share: number;
}

export type Job =
  | FanoutJob
  | AcknowledgedJob
  | RpcJob
  | ProgressiveJob
  | IdleJob
  | CrowdJob
  | SubscriptionsJob
  | ChurnJob
  | JoinsJob
  | InnocentsJob
  | AttackJob;

/** Closed: so many messages outstanding per sender. Open: a fixed rate, whatever comes back. */
export type Pace =
  { readonly kind: 'closed'; readonly window: number } | { readonly kind: 'open'; readonly perSecond: number };

export interface Plan {
  readonly pace: Pace;
  readonly warmupMs: number;
  /** The longest time, for a job that the runner finishes. */
  readonly measureMs: number;
  /** Processes whose CPU time is read at the two marks. */
  readonly watched?: readonly number[];
}

/** Microseconds. In an open loop counted from the time the message was meant to leave. */
export interface Latency {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
}

export interface Outcome {
  /** Events, finished calls or chunks that arrived between the two marks. */
  readonly messages: number;
  readonly seconds: number;
  readonly cpuSeconds: number | null;
  /** CPU time of each process that the plan has watched. */
  readonly watchedSeconds?: readonly number[];
  /** Messages sent over the whole run, warm-up included; what the verification counts against. */
  readonly sent: number;
  readonly latency: Latency | null;
}

export type Command =
  | { readonly command: 'open'; readonly endpoint: Endpoint; readonly job: Job }
  | { readonly command: 'run'; readonly plan: Plan }
  | { readonly command: 'verify'; readonly sent: number }
  | { readonly command: 'close' };

/** `finish`: what runs is to come to its second mark now. */
export type ToWorker =
  { readonly id: number; readonly command: Command } | { readonly progress: Progress } | { readonly finish: true };

export type FromWorker =
  | { readonly id: number; readonly outcome: Outcome | null }
  | { readonly id: number; readonly error: string }
  | { readonly progress: Omit<Progress, 'remote'> };

/** How far the subscribers of another process have come. */
export interface Progress {
  readonly remote: number;
  readonly received: number;
}
