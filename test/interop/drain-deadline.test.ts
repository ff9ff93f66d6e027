import { afterEach, expect, it } from 'vitest';
import { closeText } from './clients/app-client.js';
import { Code } from '../../src/wamp/codes.js';
import { CloseUri } from '../../src/wamp/uris.js';
import { GantryProcess } from '../support/gantry-process.js';
import { RawClient } from '../support/raw-client.js';

let router: GantryProcess | undefined;
afterEach(() => router?.signal('SIGKILL'));

it.each([
  ['close', 'closed 1012 the router restarts: connect again'],
  ['goodbye', 'closed 1001 the router shuts down'],
])(
  'sends away at the drain deadline who still waits for a call, before the process ends (2.1): %s',
  async (farewell, end) => {
    const settings = [
      `drain.farewell=${farewell}`,
      'drain.deadlineMs=200',
      'drain.periodMs=0',
      'ops.enabled=false',
      'demo.enabled=false',
    ];
    router = new GantryProcess(['start', '--port', '0', ...settings.flatMap((setting) => ['--set', setting])]);
    const url = await router.ready();
    const callee = await RawClient.join(url);
    await callee.register('com.example.endless');
    const caller = await RawClient.join(url);
    caller.call('com.example.endless');
    await callee.expect(Code.INVOCATION);

    router.signal('SIGTERM');
    for (const session of [caller, callee]) {
      const messages = await remaining(session);
      const goodbyes = messages.filter(([code]) => code === Code.GOODBYE);
      if (farewell === 'close') expect(goodbyes).toEqual([]);
      else expect(messages.at(-1)).toMatchObject([Code.GOODBYE, {}, CloseUri.SYSTEM_SHUTDOWN]);
      const { code, reason } = await session.closed;
      expect(closeText(code, reason)).toBe(end);
    }
    expect((await router.exit).code).toBe(1);
  },
);

async function remaining(session: RawClient): Promise<unknown[][]> {
  await session.closed;
  return session.unread;
}
