/** Messages that routing discards, refuses or repeats on purpose. Each is a label value of a metric. */
export const ROUTING_DISCARDS = [
  'late_yield',
  'late_continuation',
  'late_frame',
  'unwanted_progress',
  'publish_refused',
  'call_rerouted',
] as const;
export type RoutingDiscard = (typeof ROUTING_DISCARDS)[number];

/** How a call ended. Each is a label value of a metric. */
export const CALL_OUTCOMES = [
  'result',
  'error',
  'canceled',
  'timeout',
  'caller_left',
  'callee_lost',
  'refused',
] as const;
export type CallOutcome = (typeof CALL_OUTCOMES)[number];
