import { z } from 'zod';
import { auth } from './auth-schema.js';
import { count, identity, matchPolicy, milliseconds } from '../fields.js';
import { history, retention } from './keeping-schema.js';
import { permission } from './permission-schema.js';

/**
 * Is the sequence of request ids checked when a realm does not say (PV-5)? wampy goes on counting after it reconnects and
 * autobahn-js leaves a gap where a payload could not be serialised: neither must lose its session for that (ADR 8).
 */
const DEFAULT_REQUEST_ID_CHECK: 'strict' | 'off' = 'off';

const authorizer = z.strictObject({
  procedure: z
    .string()
    .describe(
      'URI of the procedure, in the same realm. Only a session with a permission for exactly this URI may register it.',
    ),
  timeoutMs: milliseconds(1, 60_000)
    .default(2_000)
    .describe('Milliseconds after which a question without an answer has failed. The request is then refused.'),
  cache: z
    .strictObject({
      maxEntries: count(1, 10_000_000)
        .default(10_000)
        .describe('Number of answers that a node remembers. The one used least recently makes room.'),
      ttlMs: milliseconds(1)
        .default(60_000)
        .describe('Milliseconds for which a node remembers an answer, at most. The answer may name fewer.'),
    })
    .prefault({})
    .describe('Answers that a node remembers because they ask for it.'),
});

const role = z.strictObject({
  name: identity.describe('Name of the role (authrole).'),
  permissions: z
    .array(permission)
    .default([])
    .describe('The rights of sessions of the role; without an entry they have none.'),
  authorizer: authorizer
    .exactOptional()
    .describe('A procedure of the application that decides what no permission covers. Absent: it is not allowed.'),
});

const rules = {
  roles: z.array(role).min(1).describe('Roles of the realm and what each may do.'),
  anonymousRole: z
    .string()
    .min(1)
    .nullable()
    .exactOptional()
    .describe(
      'Role of sessions that join without authentication; `null` refuses them. Absent: `anonymous`, if the realm has that role.',
    ),
  auth: auth.exactOptional().describe('How sessions authenticate. Absent: all sessions are anonymous.'),
  maxSessionsPerAuthid: count(1, 1_000)
    .exactOptional()
    .describe(
      'Number of sessions that one authid may have in the realm, on all nodes together; `onDuplicate` decides about further ones. Absent: any number. Anonymous sessions do not count: each has an authid of its own.',
    ),
  onDuplicate: z
    .enum(['allow', 'refuse', 'replace'])
    .default('allow')
    .describe(
      'The treatment of a session beyond `maxSessionsPerAuthid`. `refuse`: it gets ABORT `wamp.error.limit_exceeded`. `replace`: the oldest session of the authid gets GOODBYE `gantry.close.session_replaced`, on whichever node it is. `allow`: there is no bound. Without `maxSessionsPerAuthid` the bound is 1.',
    ),
  onWithdrawn: z
    .enum(['keep', 'recheck', 'close'])
    .default('recheck')
    .describe(
      'The effect of a reload of the configuration on live sessions. `recheck`: the new permissions decide on their further messages, and a session whose principal or role is gone is closed with `wamp.close.killed`. `close`: so is a session whose principal has changed, or whose role has lost a permission. `keep`: they go on as they joined.',
    ),
  retention: retention
    .exactOptional()
    .describe('Events that later subscribers get (`retain`, `get_retained`). Absent: the router retains none.'),
  history: history
    .exactOptional()
    .describe('Topics whose newest events clients can ask for (`wamp.subscription.get_events`). Absent: none.'),
  uriCheck: z
    .enum(['loose', 'strict'])
    .default('loose')
    .describe(
      '`loose` takes every URI the specification admits; `strict` only components of `a`–`z`, `0`–`9` and `_`.',
    ),
  requestIdCheck: z
    .enum(['strict', 'off'])
    .default(DEFAULT_REQUEST_ID_CHECK)
    .describe(
      '`strict` ends a session whose request ids do not count 1, 2, 3 …, or that uses a role it did not announce, as the specification has it; `off` takes any id, because wampy does not start anew when it reconnects and autobahn-js can leave gaps.',
    ),
  allowDisclose: z
    .boolean()
    .default(true)
    .describe(
      'Clients may have their identity disclosed with `disclose_me`, or ask for that of callers with `disclose_caller`.',
    ),
  allowForceReregister: z
    .union([z.boolean(), z.enum(['same-authid'])])
    .default(false)
    .describe(
      'May a session take a procedure over from the sessions that hold it, with `force_reregister`? `true`: every session that may register it. `same-authid`: only if all of them have the authid of the new one. `false`: no session. A procedure without a holder is registered in any case.',
    ),
  callTimeoutUnit: z
    .enum(['ms', 's'])
    .default('ms')
    .describe(
      'Unit of `CALL.Options.timeout`, and of the timeout that a callee receives. `ms` as the specification has it; `s` for clients that were written for Crossbar.io, where it is seconds. A callee receives full seconds, rounded up.',
    ),
  busyError: z
    .enum(['wamp', 'crossbar'])
    .default('wamp')
    .describe(
      'Error of a call when all callees have as many calls as their `concurrency` allows. `wamp`: `wamp.error.no_available_callee`; `crossbar`: `crossbar.error.max_concurrency_reached`, for clients that look for the name of Crossbar.io.',
    ),
  metaApi: z
    .enum(['off', 'read', 'all'])
    .default('read')
    .describe(
      'The part of the meta API that the realm has: procedures and events under `wamp.`. `read`: what only reads. `all`: also what ends something of others, like `wamp.session.kill`. `off`: nothing. The permissions of the roles decide besides.',
    ),
  progressiveResultsRequireCanceling: z
    .boolean()
    .default(false)
    .describe(
      '`true`: only callees that announce `call_canceling` may send progressive results, to the letter of the specification. Callees on autobahn-js do not announce it, and are otherwise cut off from them.',
    ),
};

const name = z.string().min(1).max(255).describe('URI of the realm.');

export const realm = z.strictObject({ name, ...rules });

const EVERYTHING = { call: true, register: true, publish: true, subscribe: true };

/** One open realm, so that a router without configuration is of use. */
export const DEFAULT_REALMS = [
  { name: 'realm1', roles: [{ name: 'anonymous', permissions: [{ uri: '', match: 'prefix', allow: EVERYTHING }] }] },
] satisfies z.input<typeof realm>[];

export const realmTemplate = z.strictObject({
  names: z
    .array(
      z.strictObject({
        uri: z
          .string()
          .max(255)
          .describe(
            'Name, or pattern of names, of realms that may be created. With match `prefix`, `""` is every name.',
          ),
        match: matchPolicy.default('exact').describe('How `uri` is read.'),
      }),
    )
    .min(1)
    .describe('Which realms may be created. A client that names any other is refused.'),
  idleMs: milliseconds(1_000)
    .default(60_000)
    .describe('Milliseconds after which a created realm without sessions is removed.'),
  ...rules,
});
