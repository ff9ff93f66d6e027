import { describe, expect, it } from 'vitest';
import { BackplaneUnavailableError, type Answers } from '../../../../src/backplane/backplane.js';
import { killProcedures } from '../../../../src/realm/meta/meta-kills.js';
import type { MetaSources } from '../../../../src/realm/meta/meta-handlers.js';
import type { ProcedureCall } from '../../../../src/realm/router-procedures.js';
import type { NodeId } from '../../../../src/wamp/ids.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { META_LIMITS } from '../../../support/meta-limits.js';

const [ONE, OTHER, THIRD] = ['one', 'other', 'third'] as NodeId[] as [NodeId, NodeId, NodeId];

/** The procedures, where all nodes together answer that. */
function kills(answers: Answers | Error) {
  const reached: string[] = [];
  const ask = (): Promise<Answers> => (answers instanceof Error ? Promise.reject(answers) : Promise.resolve(answers));
  const procedures = killProcedures({
    realm: 'com.realm',
    backplane: { ask } as unknown as MetaSources['backplane'],
    limits: META_LIMITS,
    onLimit: (limit) => reached.push(limit),
  });
  const call = { caller: { session: 1 } } as ProcedureCall;
  return {
    reached,
    kill: () => procedures['wamp.session.kill']({ session_id: 7, reason: undefined, message: undefined }, call),
    byAuthid: () =>
      procedures['wamp.session.kill_by_authid']({ authid: 'a', reason: undefined, message: undefined }, call),
    byRole: () =>
      procedures['wamp.session.kill_by_authrole']({ authrole: 'a', reason: undefined, message: undefined }, call),
    all: () => procedures['wamp.session.kill_all']({ reason: undefined, message: undefined }, call),
  };
}

describe('sessions that are to be closed on all nodes', () => {
  it('are listed or counted over the nodes', async () => {
    const answers = [
      { node: ONE, body: [7, 8] },
      { node: OTHER, body: [] },
      { node: THIRD, body: [9] },
    ];
    const { kill, byAuthid, byRole, all } = kills({ answers, unanswered: [] });
    expect(await kill()).toEqual({});
    expect(await byAuthid()).toEqual({ args: [[7, 8, 9]] });
    expect(await byRole()).toEqual({ args: [3] });
    expect(await all()).toEqual({ args: [3] });
  });

  it('are none on a node that has gone', async () => {
    const { kill, byRole } = kills({ answers: [{ node: ONE, body: [] }], unanswered: [{ node: OTHER, why: 'gone' }] });
    expect(await byRole()).toEqual({ args: [0] });
    expect(await kill()).toMatchObject({ error: ErrorUri.NO_SUCH_SESSION });
  });

  it.each(['timeout', 'unreachable', 'failed', 'unsupported'] as const)(
    'give an ERROR with the node that did not answer, never a smaller number: %s',
    async (why) => {
      const { kill, byAuthid, byRole, all, reached } = kills({
        answers: [{ node: ONE, body: [] }],
        unanswered: [{ node: OTHER, why }],
      });
      for (const outcome of [await kill(), await byAuthid(), await byRole(), await all()]) {
        expect(outcome).toMatchObject({ error: ErrorUri.UNAVAILABLE });
        expect((outcome as { message: string }).message).toContain('(other)');
      }
      expect(reached).toEqual(why === 'timeout' ? Array(4).fill('meta_question_timeout') : []);
    },
  );

  it('give an ERROR when the answer of a node cannot be read', async () => {
    const { byRole } = kills({ answers: [{ node: OTHER, body: 3 }], unanswered: [] });
    expect(await byRole()).toMatchObject({ error: ErrorUri.UNAVAILABLE });
  });

  it('are closed for certain when the one has been found', async () => {
    const { kill } = kills({ answers: [{ node: ONE, body: [7] }], unanswered: [{ node: OTHER, why: 'timeout' }] });
    expect(await kill()).toEqual({});
  });

  it('give an ERROR while the cluster cannot be asked', async () => {
    const { all } = kills(new BackplaneUnavailableError('ask'));
    expect(await all()).toMatchObject({ error: ErrorUri.UNAVAILABLE });
  });
});
