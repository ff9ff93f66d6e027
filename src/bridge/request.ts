import { payloadOf, rawPayload } from '../codec/payload.js';
import { isDict, own } from '../wamp/dict.js';
import { Code } from '../wamp/codes.js';
import { isFault } from '../wamp/faults.js';
import type { RequestId } from '../wamp/ids.js';
import type { Call, Publish } from '../wamp/messages.js';
import { NO_DETAILS, type Dict, type TimeUnit } from '../wamp/options.js';
import { parsePublishOptions } from '../wamp/parse-options.js';
import type { Payload } from '../wamp/payload.js';
import { badRequest, isRefusal, type Refusal } from './refusal.js';

/** Options of PUBLISH that a request may have. `acknowledge` is always on. */
const PUBLISH_OPTIONS: ReadonlySet<string> = new Set([
  'acknowledge',
  'exclude',
  'exclude_authid',
  'exclude_authrole',
  'exclude_me',
  'eligible',
  'eligible_authid',
  'eligible_authrole',
  'retain',
]);
/** The one request of its session. */
export const REQUEST = 1 as RequestId;
const MS_PER_SECOND = 1_000;

/** The PUBLISH that a body `{topic, args, kwargs, options}` asks for. */
export function publishMessage(body: Dict): Publish | Refusal {
  const topic = own(body, 'topic');
  if (typeof topic !== 'string') return badRequest('The body must have a "topic", which is a text.');
  const payload = payloadIn(body);
  if (isRefusal(payload)) return payload;
  const given = own(body, 'options') ?? NO_DETAILS;
  if (!isDict(given)) return badRequest('"options" must be an object.');
  const unknown = Object.keys(given).find((name) => !PUBLISH_OPTIONS.has(name));
  if (unknown !== undefined)
    return badRequest(`"options" may have ${[...PUBLISH_OPTIONS].join(', ')}, but not ${JSON.stringify(unknown)}.`);
  const options = parsePublishOptions({ ...given, acknowledge: true });
  if (isFault(options)) return badRequest(options.message);
  return [Code.PUBLISH, REQUEST, options, topic, payload];
}

/** The CALL that a body `{procedure, args, kwargs}` asks for. Crossbar.io ignores its `options`, and so does this. */
export function callMessage(body: Dict, timeoutMs: number, unit: TimeUnit): Call | Refusal {
  const procedure = own(body, 'procedure');
  if (typeof procedure !== 'string') return badRequest('The body must have a "procedure", which is a text.');
  const payload = payloadIn(body);
  if (isRefusal(payload)) return payload;
  const timeout = unit === 's' ? timeoutMs / MS_PER_SECOND : timeoutMs;
  const options = { timeoutMs: timeout, receiveProgress: false, progress: false, discloseMe: false };
  return [Code.CALL, REQUEST, options, procedure, payload];
}

function payloadIn(body: Dict): Payload | Refusal {
  const args = own(body, 'args') ?? [];
  const kwargs = own(body, 'kwargs') ?? NO_DETAILS;
  if (!Array.isArray(args)) return badRequest('"args" must be a list.');
  if (!isDict(kwargs)) return badRequest('"kwargs" must be an object.');
  const made = payloadOf(args, kwargs);
  const bytes = made.in('json');
  if (!(bytes instanceof Uint8Array))
    return badRequest('"args" or "kwargs" have a value that the router cannot represent.');
  return rawPayload('json', made.elementCount, bytes);
}
