import { expect } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import type { RawClient } from './raw-client.js';

/** Opens sessions at nodes, counted round. */
export interface Joins {
  joinAt(node: number): Promise<RawClient>;
}

/** A session that keeps calling another on the next node while `act` runs: each of its calls gets its result. */
export async function withWitness(router: Joins, act: () => Promise<unknown>): Promise<void> {
  const callee = await router.joinAt(0);
  const caller = await router.joinAt(1);
  const procedure = `org.witness.n${caller.session}`;
  await callee.register(procedure);
  const end = new AbortController();
  let callCount = 0;
  const calling = (async () => {
    do {
      const request = caller.call(procedure, [++callCount]);
      const [, invocation, , , args] = await callee.expect(Code.INVOCATION);
      callee.send([Code.YIELD, invocation, {}, args]);
      expect(await caller.receive()).toEqual([Code.RESULT, request, {}, [callCount]]);
      await new Promise((resolve) => setImmediate(resolve));
    } while (!end.signal.aborted);
  })();
  try {
    await act();
  } finally {
    end.abort();
    await calling;
  }
  expect(callCount).toBeGreaterThan(0);
}
