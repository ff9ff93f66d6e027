import { z } from 'zod';
import { matchPolicy } from '../fields.js';

export const permission = z.strictObject({
  uri: z
    .string()
    .describe(
      'The URI, or the pattern, the permission is about. With match `prefix`, `""` is every URI. `{authid}` and `{authrole}` stand for those of the session: docs/authorization.md.',
    ),
  match: matchPolicy
    .default('exact')
    .describe('How `uri` is read. A pattern that a client subscribes to or registers must lie within it.'),
  allow: z
    .strictObject({
      call: z.boolean().default(false).describe('May call.'),
      register: z.boolean().default(false).describe('May register.'),
      publish: z.boolean().default(false).describe('May publish.'),
      subscribe: z.boolean().default(false).describe('May subscribe.'),
    })
    .prefault({})
    .describe('Actions that are allowed. An action that is not named is not allowed.'),
  disclose: z
    .strictObject({
      caller: z
        .boolean()
        .default(false)
        .describe('Disclose the caller to the callee, whether or not the caller asks for it.'),
      publisher: z
        .boolean()
        .default(false)
        .describe('Disclose the publisher to subscribers, whether or not the publisher asks for it.'),
    })
    .prefault({})
    .describe('Whose identity is disclosed.'),
  trustLevel: z
    .int()
    .min(0)
    .max(2_147_483_647)
    .exactOptional()
    .describe(
      'Trust level of calls and publications that this permission allows, from 0, the lowest. Callees and subscribers that announced trust levels receive it. Absent: there is none.',
    ),
});
