import { afterEach, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { CloseUri } from '../../src/wamp/uris.js';
import { GantryProcess } from '../support/gantry-process.js';
import { RawClient } from '../support/raw-client.js';

let router: GantryProcess | undefined;
afterEach(() => router?.signal('SIGKILL'));

it('says GOODBYE at the drain deadline to who still waits for a call, before the process ends (2.1)', async () => {
  const settings = ['drain.deadlineMs=200', 'drain.periodMs=0', 'ops.enabled=false', 'demo.enabled=false'];
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
    expect(messages.at(-1)).toMatchObject([Code.GOODBYE, {}, CloseUri.SYSTEM_SHUTDOWN]);
    expect((await session.closed).code).toBe(1001);
  }
  expect((await router.exit).code).toBe(1);
});

async function remaining(session: RawClient): Promise<unknown[][]> {
  await session.closed;
  return session.unread;
}
