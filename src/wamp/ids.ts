declare const brand: unique symbol;
type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };

/** Random over 1..2^53−1, unique in the cluster while the session lives (ID-2, SES-2). */
export type SessionId = Brand<number, 'SessionId'>;
/** Random over 1..2^53−1 (ID-2). */
export type PublicationId = Brand<number, 'PublicationId'>;
/** Derived from (realm, match, topic): the same on every node (ID-3). */
export type SubscriptionId = Brand<number, 'SubscriptionId'>;
/** Derived from (realm, match, procedure): the same on every node (ID-3). */
export type RegistrationId = Brand<number, 'RegistrationId'>;
/** Counted per session and direction from 1 (ID-4). */
export type RequestId = Brand<number, 'RequestId'>;
/** Names one life of one node: a node that rejoins the cluster does so under another NodeId. */
export type NodeId = Brand<string, 'NodeId'>;
export type Uri = string;

/** The largest id on the wire (ID-1). Not a safe integer, yet exactly representable; accepted, never issued. */
export const MAX_ID = 2 ** 53;

/** True for an integer in 1..2^53 (ID-1, MSG-4). */
export function isId(value: unknown): value is number {
  return typeof value === 'number' && value >= 1 && value <= MAX_ID && Number.isInteger(value);
}
