import { expect, it } from 'vitest';
import type { OpeningSessions } from '../../../../src/realm/sessions/reservations.js';
import { closeReplaced, replacedSessions } from '../../../../src/realm/sessions/replaced-sessions.js';
import type { Session } from '../../../../src/session/ports.js';
import type { SessionId } from '../../../../src/wamp/ids.js';
import { CloseUri } from '../../../../src/wamp/uris.js';

it('closes the sessions that others have replaced, and refuses those that are being opened', async () => {
  const closed: unknown[] = [];
  const open = [1, 2].map((session) => ({ session, close: (why: string) => closed.push([session, why]) }));
  const refused: unknown[] = [];
  const opening: OpeningSessions = {
    refuseOpening: (isMeant, why) => {
      const meant = ([3, 4] as SessionId[]).filter((session) => isMeant({ session, authid: 'a', authrole: 'r' }));
      refused.push([meant, why]);
      return meant;
    },
  };
  expect(await closeReplaced([2, 4, 5], new Set(open as unknown as Session[]), opening)).toBe(2);
  expect(closed).toEqual([[2, CloseUri.SESSION_REPLACED]]);
  expect(refused).toEqual([
    [
      [4],
      expect.objectContaining({
        error: 'wamp.error.limit_exceeded',
        message: expect.stringContaining('replaced') as string,
      }),
    ],
  ]);
});

it.each([
  [
    [1, 2 ** 53 - 1],
    [1, 2 ** 53 - 1],
  ],
  [[1, 'a', null, 1.5, {}], [1]],
  ['text', []],
  [{ 0: 1 }, []],
  [new Array(2_000).fill(1), []],
])('reads the ids of replaced sessions from %j', (body: unknown, ids) => {
  expect(replacedSessions(body)).toEqual(ids);
});
