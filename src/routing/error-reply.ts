import { payloadOf } from '../codec/payload.js';
import { Code } from '../wamp/codes.js';
import type { Fault } from '../wamp/faults.js';
import type { RequestId } from '../wamp/ids.js';
import type { ErrorType, RouterError } from '../wamp/messages.js';
import { NO_DETAILS } from '../wamp/options.js';

/** The ERROR that refuses a request; its message is the only argument, because clients print that. */
export function errorReply(type: ErrorType, request: RequestId, fault: Fault): RouterError {
  return [Code.ERROR, type, request, NO_DETAILS, fault.error, payloadOf([fault.message])];
}
