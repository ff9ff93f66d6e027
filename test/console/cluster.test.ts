import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { choose, reports, rows, setStage } from './stage.js';

const stage = setStage(3);

it('names a node that does not answer, and gives no sum without it as a whole one', async () => {
  const page = await stage().signedIn('operator', 0);
  await reports(page, 'nodes', /^3 nodes · 1 session · [^·]*in · [^·]*out$/);
  const frozen = stage().nodes[1]!;
  frozen.signal('SIGSTOP');
  try {
    await rows(page, 'nodes', 'does not answer: timeout').waitFor();
    await reports(page, 'nodes', /^3 nodes · .* · 1 without an answer: the sums lack them$/);
    expect(await rows(page, 'nodes').count()).toBe(3);
  } finally {
    frozen.signal('SIGCONT');
  }
  await reports(page, 'nodes', /^3 nodes · 1 session · [^·]*in · [^·]*out$/);
});

it('shows sessions of every node as they come and go, and closes one on another node', async () => {
  const page = await stage().signedIn('operator', 0);
  await choose(page, 'sessions');
  await reports(page, 'sessions', /^1 session$/);
  const [near, far] = [await stage().join('member', 0), await stage().join('viewer', 2)];
  await rows(page, 'sessions', String(near.session), 'member', 'ticket', 'websocket, json').waitFor();
  await rows(page, 'sessions', String(far.session), 'viewer').waitFor();
  await reports(page, 'sessions', /^3 sessions$/);

  near.send([Code.GOODBYE, {}, 'wamp.close.close_realm']);
  await rows(page, 'sessions', String(near.session)).waitFor({ state: 'detached' });
  await rows(page, 'sessions', String(far.session)).getByRole('button', { name: 'Close' }).click();
  await page.locator('#kill', { hasText: String(far.session) }).waitFor();
  await page.fill('#kill-message', 'the console closes you');
  await page.click('#kill-yes');
  const goodbye = [Code.GOODBYE, { message: 'the console closes you' }, 'wamp.close.killed'];
  expect(await far.receive()).toEqual(goodbye);
  await rows(page, 'sessions', String(far.session)).waitFor({ state: 'detached' });
  await reports(page, 'sessions', /^1 session$/);
  expect(await page.locator('#kill').isVisible()).toBe(false);
});

it('shows procedures and topics of every node with their members', async () => {
  const page = await stage().signedIn('operator', 0);
  const [one, other] = [await stage().join('member', 1), await stage().join('member', 2)];
  await one.register('com.example.add', { invoke: 'roundrobin' });
  await choose(page, 'registrations');
  await rows(page, 'registrations', 'com.example.add', 'exact', 'roundrobin').waitFor();
  await other.register('com.example.add', { invoke: 'roundrobin' });
  await rows(page, 'registrations', 'com.example.add').locator('td', { hasText: /^2$/ }).waitFor();
  await reports(page, 'registrations', /^1 registration$/);

  await choose(page, 'subscriptions');
  await one.subscribe('com.example.news', { match: 'prefix' });
  await other.subscribe('com.example.news', { match: 'prefix' });
  await rows(page, 'subscriptions', 'com.example.news', 'prefix').locator('td', { hasText: /^2$/ }).waitFor();
  for (const client of [one, other]) client.send([Code.GOODBYE, {}, 'wamp.close.close_realm']);
  for (const view of ['subscriptions', 'registrations'] as const) {
    await choose(page, view);
    await rows(page, view, 'com.example').waitFor({ state: 'detached' });
  }
});

it('shows the events of a topic, whichever node they come from', async () => {
  const page = await stage().signedIn('operator', 0);
  const [subscriber, publisher] = [await stage().join('member', 1), await stage().join('member', 2)];
  await subscriber.subscribe('com.example.chat', { match: 'prefix' });
  await choose(page, 'subscriptions');
  await rows(page, 'subscriptions', 'com.example.chat').getByRole('button', { name: 'Watch' }).click();
  await reports(page, 'events', /^watching/);
  publisher.request(Code.PUBLISH, {}, 'com.example.chat.room', ['hello'], { from: 'node 2' });
  const event = page.locator('.events li');
  await event.waitFor();
  expect(await event.textContent()).toMatch(/com\.example\.chat\.room.*\["hello"\] {"from":"node 2"}/);
  await reports(page, 'events', /^watching · 1 events?$/);
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByRole('button', { name: 'Watch', exact: true }).and(page.locator('#events button')).waitFor();
});

it('comes back when its node does, and goes on', async () => {
  const page = await stage().signedIn('operator', 1);
  await choose(page, 'events');
  await page.fill('#events input', 'com.example.again');
  await page.locator('#events').getByRole('button', { name: 'Watch' }).click();
  await reports(page, 'events', /^watching/);
  const node = stage().nodes[1]!;
  node.signal('SIGKILL');
  await node.exit;
  await page.locator('#notice', { hasText: 'connection to the router was lost' }).waitFor();
  await stage().startNode(1);
  await page.locator('#notice').waitFor({ state: 'hidden' });
  await reports(page, 'events', /^watching/);
  const publisher = await stage().join('member', 0);
  // The page subscribes again a moment after it is back. Not acknowledged: until the others have declared the killed node
  // dead, its interest would be an ERROR (G4).
  const publishing = setInterval(() => publisher.publish('com.example.again', ['back']), 500);
  try {
    await page.locator('.events li', { hasText: 'back' }).first().waitFor();
  } finally {
    clearInterval(publishing);
  }
});

// Last: no node is declared dead before a store has been in use for one lease.
it('shows all nodes with their figures, and one that has died no more', async () => {
  const page = await stage().signedIn('operator', 0);
  await reports(page, 'nodes', /^3 nodes · 1 session · [\d,]+ messages\/s in/);
  expect(await rows(page, 'nodes').count()).toBe(3);
  await stage().join('member', 1);
  await stage().join('member', 2);
  await reports(page, 'nodes', /^3 nodes · 3 sessions/);

  const dying = stage().nodes[2]!;
  dying.signal('SIGKILL');
  await dying.exit;
  await reports(page, 'nodes', /^2 nodes · 2 sessions/);
  await stage().startNode(2);
  await reports(page, 'nodes', /^3 nodes · 2 sessions/);
});
