import { expect } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import type { RawClient } from './raw-client.js';

/** The one positional result of a meta procedure. */
export async function metaResult(caller: RawClient, procedure: string, args: unknown[] = []): Promise<unknown> {
  const request = caller.call(procedure, args);
  const [, answered, details, values] = await caller.expect(Code.RESULT);
  expect([answered, details]).toEqual([request, {}]);
  expect(values).toHaveLength(1);
  return (values as unknown[])[0];
}
