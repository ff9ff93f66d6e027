import { z } from 'zod';
import { bytes, count, matchPolicy } from '../fields.js';

/** 24 days. */
const MAX_TTL_MS = 2_147_483_647;

const topic = z.strictObject({
  uri: z.string().describe('The topic, or the pattern of topics. With match `prefix`, `""` is every topic.'),
  match: matchPolicy.default('exact').describe('How `uri` is read.'),
});

export const retention = z.strictObject({
  topics: z
    .array(topic)
    .default([])
    .describe('Topics whose events publishers may have retained. Without an entry none is.'),
  maxTopics: count(1, 10_000_000)
    .default(10_000)
    .describe(
      'Number of topics of the realm with a retained event. Beyond it an event on another topic is not retained.',
    ),
  maxMessageBytes: bytes(1, 16_777_216)
    .default(65_536)
    .describe(
      'Bytes of the payload of one retained event. A larger event is not retained, and the topic keeps what it had.',
    ),
  maxBytes: bytes(1_024, 2 ** 31)
    .default(67_108_864)
    .describe('Bytes of all retained events of the realm in Redis. Beyond it an event is not retained.'),
  ttlMs: z
    .int()
    .min(0)
    .max(MAX_TTL_MS)
    .default(0)
    .describe('Milliseconds for which an event is retained. 0: until another event takes its place.'),
  clearOnEmpty: z
    .boolean()
    .default(false)
    .describe('`true`: an event with `retain` and without arguments removes what its topic had retained.'),
});

export const history = z
  .array(
    z.strictObject({
      uri: z.string().describe('The topic, or the pattern of topics, of the subscription that has this history.'),
      match: matchPolicy.default('exact').describe('How `uri` is read.'),
      limit: count(1, 100_000).default(1_000).describe('Number of events at most. The oldest make room.'),
      maxBytes: bytes(1_024, 2 ** 31)
        .default(16_777_216)
        .describe('Bytes of the events at most, as they are stored. The oldest make room.'),
      ttlMs: z
        .int()
        .min(0)
        .max(MAX_TTL_MS)
        .default(0)
        .describe('Milliseconds for which an event is in the history. 0: until newer ones take its place.'),
    }),
  )
  .max(100);
