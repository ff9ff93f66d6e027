import { z } from 'zod';
import { bytes, count, milliseconds } from '../fields.js';

export const limits = z.strictObject({
  maxMessageBytes: bytes(1_024, 67_108_864)
    .default(1_048_576)
    .describe(
      'Bytes of one incoming WebSocket message. A larger one ends the session, or the connection when it is far larger.',
    ),
  maxConnections: count(1, 1_000_000)
    .default(50_000)
    .describe(
      'Number of connections of this node: WebSockets, and HTTP requests while they are answered. Further ones get HTTP 503. Together with connections that have sent nothing, at most 256 more are open. Lower where the process may not open so many files. An idle session costs some KiB, so the default stays below 1 GiB.',
    ),
  maxPendingConnections: count(16, 1_000_000)
    .default(8_192)
    .describe(
      'Number of connections that have not sent a complete request. Each has 10 s for it. Further ones are closed. Bounds the memory of unfinished headers, to this number times twice maxHeaderBytes.',
    ),
  maxHeaderBytes: bytes(1_024, 262_144)
    .default(16_384)
    .describe(
      'Bytes of the request line and headers of one HTTP request or opening handshake. Larger ones get HTTP 431. Not more than 100 headers are read.',
    ),
  maxConnectionsPerAddress: count(0, 1_000_000)
    .default(0)
    .describe(
      'Number of connections from one remote address; 0: no limit, because behind a load balancer all may share one. See listen.trustProxyHeader.',
    ),
  ipv6PrefixBits: count(32, 128)
    .default(64)
    .describe(
      'Number of leading bits: IPv6 addresses that share them count as one address, because one host usually has an entire /64.',
    ),
  handshakeTimeoutMs: milliseconds(100, 600_000)
    .default(5_000)
    .describe('Milliseconds from the opening of a connection to its WELCOME. After that it is closed.'),
  maxHandshakesPerSecond: count(0, 1_000_000)
    .default(2_000)
    .describe(
      'Number of HELLOs per second that this node begins to handle; 0: no limit. Further ones wait and are answered in rounds over the addresses of their clients, so that clients that all reconnect at once leave time for the sessions that are there. A HELLO waits at most handshakeTimeoutMs.',
    ),
  maxWaitingHandshakes: count(1, 1_000_000)
    .default(16_384)
    .describe(
      'Number of HELLOs that wait because of maxHandshakesPerSecond. The connections of further ones are closed with 1013: the clients try again. One address may have as many waiting as places are free.',
    ),
  goodbyeTimeoutMs: milliseconds(100, 60_000)
    .default(2_000)
    .describe(
      'Milliseconds that a client has to answer GOODBYE before its connection is closed; and, when a node ends, to read what the node has sent.',
    ),
  maxFailedAuthenticationsPerAuthid: count(0, 1_000_000)
    .default(10)
    .describe(
      'Number of attempts to authenticate that may fail for one authid from one remote address within failedAuthenticationWindowMs, on all nodes together; further ones are refused. After ten times as many from all addresses, each attempt for the authid waits a second. 0: no limit. Behind a load balancer set listen.trustProxyHeader, or all clients share an address.',
    ),
  maxFailedAuthenticationsPerAddress: count(0, 1_000_000)
    .default(0)
    .describe(
      'Number of attempts to authenticate that may fail from one remote address within failedAuthenticationWindowMs, whatever their authid; further ones are refused. Nodes count those in one realm together, and each node those in all its realms. 0: no limit, because behind a load balancer all clients may share an address.',
    ),
  maxFailedAuthenticationsPerConnection: count(1, 1_000)
    .default(5)
    .describe('Number of HELLOs that one connection may send in vain. With the last refusal the connection is closed.'),
  failedAuthenticationWindowMs: milliseconds(1_000)
    .default(60_000)
    .describe(
      'Milliseconds in which failed attempts to authenticate are counted. They begin with the first failure, so that an attempt that is refused prolongs nothing.',
    ),
  idleTimeoutMs: milliseconds(8_000, 960_000)
    .multipleOf(1_000)
    .default(60_000)
    .describe(
      'Milliseconds of silence after which a connection is closed, in full seconds. A ping goes out 4 to 16 s earlier: with the default after 44 s, before the 60 s of common load balancers are over.',
    ),
  maxUnsentBytes: bytes(65_536, 1_073_741_824)
    .default(4_194_304)
    .describe(
      'Bytes waiting to be sent on one connection. The connection of a reader that lets more wait is closed. Not below maxMessageBytes.',
    ),
  maxTotalUnsentBytes: bytes(65_536, 2_147_483_648)
    .exactOptional()
    .describe(
      'Bytes waiting to be sent on all connections together. Past it the connections with the most are closed, as slow readers, until a tenth is free. Absent: a quarter of the memory of the container or machine, at most 1 GiB. Not below maxUnsentBytes.',
    ),
  maxMemoryPercent: count(1, 100)
    .default(80)
    .describe(
      'Percent of the memory of the container or machine that the process may use (resident set). Above it new connections get HTTP 503. When it grows a tenth beyond, connections that send no complete messages are cut, the newest first.',
    ),
  maxSessions: count(1, 1_000_000).default(50_000).describe('Number of sessions of this node, all realms together.'),
  maxRealms: count(1, 1_000_000)
    .default(1_000)
    .describe('Number of realms of this node, those created from realmTemplate included.'),
  maxSubscriptionsPerSession: count(1, 10_000_000)
    .default(10_000)
    .describe('Number of subscriptions one session may hold. Each costs some hundred bytes.'),
  maxRegistrationsPerSession: count(1, 10_000_000)
    .default(10_000)
    .describe('Number of registrations one session may hold.'),
  maxPendingCallsPerSession: count(1, 1_000_000)
    .default(4_096)
    .describe('Number of calls one session may have unanswered at once. Further ones get an ERROR.'),
  maxPendingAuthentications: count(1, 1_000_000)
    .default(1_000)
    .describe(
      'Number of calls of dynamic authenticators that this node has in flight, all realms together. Further clients are sent away for now.',
    ),
  maxUriBytes: bytes(16, 65_535).default(1_024).describe('Bytes of one URI or pattern. Longer ones are refused.'),
  maxUriComponents: count(1, 1_024)
    .default(64)
    .describe('Number of components of one URI or pattern; bounds what matching wildcards costs.'),
  maxNestingDepth: count(4, 512)
    .default(64)
    .describe(
      'Number of lists and dicts inside each other in a message. Deeper ones are a protocol violation; bounds the stack.',
    ),
  maxContainerEntries: count(16, 16_777_216)
    .default(65_536)
    .describe('Number of entries of one list or dict that the router decodes.'),
  maxMessagesPerSecond: count(0, 10_000_000)
    .default(0)
    .describe('Number of messages per second one connection may send; 0: no limit. Faster ones are closed.'),
  maxPingsPerSecond: count(1, 1_000_000)
    .default(100)
    .describe(
      'Number of WebSocket pings per second one connection may send, and as many at once. Each costs an answer, so faster ones are cut.',
    ),
  turnBudgetMs: milliseconds(1, 1_000)
    .default(10)
    .describe(
      'Milliseconds of work in one turn of the event loop, all connections together; one connection gets a fortieth of it at a time. Further messages wait in the inbox of their connection, and inboxes are served in rounds. Less keeps latency low while a client floods this node; more makes larger writes.',
    ),
  maxInboxMessages: count(1, 10_000_000)
    .default(131_072)
    .describe(
      'Number of messages of one connection that wait for their turn, or while an earlier one is being decided. More close it.',
    ),
  maxInboxBytes: bytes(1_024, 1_073_741_824)
    .default(8_388_608)
    .describe(
      'Bytes of those waiting messages. More close the connection. This is how far a publisher that asks for no acknowledgement may run ahead of this node. Not below maxMessageBytes.',
    ),
  maxTotalInboxBytes: bytes(65_536, 2_147_483_648)
    .default(33_554_432)
    .describe(
      'Bytes that wait in the inboxes of all connections together. Past it a connection whose inbox is larger than an equal part of them is closed when it sends more. Not below maxInboxBytes.',
    ),
  maxTotalBodyBytes: bytes(65_536, 2_147_483_648)
    .default(67_108_864)
    .describe(
      'Bytes of the bodies of all HTTP requests that are being read. Past it further requests with a body get HTTP 503. Bodies have bounds of their own where they are used.',
    ),
  maxHeldMessages: count(1, 1_000_000)
    .default(1_024)
    .describe(
      'Number of messages of one session that wait for the answer to its own SUBSCRIBE or REGISTER: events it published to itself, and calls of its own procedures, each counted by itself. Further events are dropped and counted, further calls get an ERROR.',
    ),
  maxHeldBytes: bytes(1_024, 1_073_741_824)
    .default(4_194_304)
    .describe(
      'Bytes of those waiting messages, each kind counted by itself. One message may wait however large it is.',
    ),
  maxTotalHeldBytes: bytes(65_536, 2_147_483_648)
    .default(67_108_864)
    .describe(
      'Bytes of those waiting messages of all sessions together, and of calls of up to 16 KiB that are kept because they may still go to another callee. Past it no message waits: events are dropped and counted, calls get an ERROR; further calls are not kept, and fail if their callee does not take them. Not below maxHeldBytes.',
    ),
  maxPendingAuthorizations: count(1, 65_536)
    .default(4_096)
    .describe(
      'Number of questions to authorizers that wait for an answer, in all realms of this node. Further requests that need one are refused with `authorization_failed`. Each session has one at a time.',
    ),
  maxCallTimeoutMs: milliseconds(1)
    .exactOptional()
    .describe(
      'Milliseconds from a CALL to its result, or from one progressive result to the next, after which every call ends with an ERROR, also when its caller set a longer timeout or none. A callee that keeps the time itself (`forward_timeout`) may be 2 s late. Absent: the caller decides.',
    ),
  interruptTimeoutMs: milliseconds(1, 3_600_000)
    .default(5_000)
    .describe(
      'Milliseconds that a callee has to answer INTERRUPT before the invocation stops counting in the `concurrency` of its registration. The default leaves a handler time to stop, and is what each call that is given up costs a callee whose library answers no INTERRUPT of mode `killnowait` (nexus for Go).',
    ),
  abandonedInvocationTimeoutMs: milliseconds(1)
    .exactOptional()
    .describe(
      'Milliseconds that an invocation counts in the `concurrency` of its registration when its call has ended and its callee was not sent INTERRUPT: it did not announce call_canceling, or the caller canceled with `skip`. Absent: until the callee answers or leaves.',
    ),
  maxTestamentsPerSession: count(0, 64)
    .default(16)
    .describe(
      'Number of testaments of one session, of both scopes together. Further ones are refused. 0: no session has any.',
    ),
  maxTestamentBytes: bytes(256, 131_072)
    .default(65_536)
    .describe('Bytes of one testament as it is stored: topic, options and payload. A larger one is refused.'),
  maxTotalTestamentBytes: bytes(65_536, 2_147_483_648)
    .default(67_108_864)
    .describe(
      'Bytes of the testaments of all sessions of this node, which the node and Redis each keep. Past it further ones are refused. Not below maxTestamentBytes.',
    ),
  maxAuthextraBytes: bytes(0, 65_536)
    .default(4_096)
    .describe(
      'Bytes of `authextra`, packed, that the meta API shows of a session, and that its row in Redis has. A larger one is in WELCOME only. 0: the meta API shows none.',
    ),
  maxMetaListIds: count(1, 100_000)
    .default(100_000)
    .describe(
      'Number of ids in one answer of `wamp.session.list` and of the other procedures of the meta API that list. Longer lists get `wamp.error.payload_size_exceeded`.',
    ),
  maxMetaLists: count(1, 1_024)
    .default(4)
    .describe(
      'Number of lists of sessions, registrations, subscriptions and subscribers that this node makes at a time for one realm. Others wait in turn.',
    ),
  maxWaitingMetaLists: count(0, 65_536)
    .default(1_024)
    .describe('Number of calls of one realm that wait for their turn to get a list. Further ones get an ERROR.'),
  metaQuestionTimeoutMs: milliseconds(100, 60_000)
    .default(10_000)
    .describe(
      'Milliseconds that the other nodes have to answer when a procedure of the meta API asks them. Afterwards the caller gets an ERROR that names the nodes.',
    ),
  maxLogLinesPerSecond: count(1, 1_000_000)
    .default(100)
    .describe(
      'Number of log lines per second about what clients do; the rest is counted and left out, so that clients cannot fill the disk.',
    ),
});
