import { expect, it } from 'vitest';
import { BackplaneUnavailableError, type Answers, type Backplane } from '../../../src/backplane/backplane.js';
import { nodeList } from '../../../src/node/node-list.js';
import type { ProcedureCall } from '../../../src/realm/router-procedures.js';
import type { NodeId } from '../../../src/wamp/ids.js';
import { ErrorUri } from '../../../src/wamp/uris.js';

const node = (name: string): NodeId => name as NodeId;

async function listed(ask: Backplane['ask']): Promise<unknown> {
  const outcome = await nodeList(ask)({ realm: 'realm1' } as ProcedureCall);
  return 'args' in outcome ? outcome.args[0] : outcome;
}

const answering = (answers: Answers): Backplane['ask'] => {
  return () => Promise.resolve(answers);
};

it('names each node that does not answer, but none that has left', async () => {
  const ask = answering({
    answers: [{ node: node('c'), body: { version: '1.0.0', sessions: 3 } }],
    unanswered: [
      { node: node('d'), why: 'timeout' },
      { node: node('a'), why: 'unsupported' },
      { node: node('b'), why: 'gone' },
    ],
  });
  expect(await listed(ask)).toEqual([
    { node: 'a', unanswered: 'unsupported' },
    { node: 'c', version: '1.0.0', sessions: 3 },
    { node: 'd', unanswered: 'timeout' },
  ]);
});

it('takes from an answer only what it knows, and nothing of another format', async () => {
  const bodies = [{ version: '2.0.0', sessions: 'many', uptimeMs: NaN, messagesIn: 5, secret: 1 }, { sessions: 1 }, 7];
  const answers = bodies.map((body, index) => ({ node: node(String(index)), body }));
  expect(await listed(answering({ answers, unanswered: [] }))).toEqual([
    { node: '0', version: '2.0.0', messagesIn: 5 },
    { node: '1', unanswered: 'failed' },
    { node: '2', unanswered: 'failed' },
  ]);
});

it('is an error while the cluster cannot be asked', async () => {
  const ask: Backplane['ask'] = () => Promise.reject(new BackplaneUnavailableError('ask'));
  expect(await listed(ask)).toMatchObject({ error: ErrorUri.UNAVAILABLE });
});
