import { afterAll, beforeAll, expect, it } from 'vitest';
import { gantry, GantryProcess, type Exit } from '../support/gantry-process.js';
import { RawClient } from '../support/raw-client.js';

let router: GantryProcess;
let url: string;
let client: RawClient;

beforeAll(async () => {
  router = new GantryProcess(['start', '--port', '0', '--ops-port', '0', '--log-level', 'warn']);
  url = await router.ready();
  client = await RawClient.join(url);
});
afterAll(async () => {
  client.drop();
  router.signal('SIGKILL');
  await router.exit;
});

const meta = (...words: string[]): Promise<Exit> => gantry(['meta', '--url', url, ...words]);
const lines = ({ stdout }: Exit): unknown[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

it('prints a line of JSON for each session, its own included', async () => {
  const exit = await meta('sessions');
  expect(exit).toMatchObject({ code: 0, stderr: '' });
  const sessions = lines(exit) as { session: number; authrole: string }[];
  expect(sessions).toHaveLength(2);
  expect(sessions.map(({ session }) => session)).toContain(client.session);
  expect(sessions[0]).toMatchObject({ realm: 'realm1', authrole: 'anonymous', authmethod: 'anonymous' });
});

it('calls procedures of the router, and prints one element of a list in each line', async () => {
  expect(await meta('session.count')).toMatchObject({ code: 0, stdout: '2\n' });
  expect(lines(await meta('session.list'))).toContain(client.session);
  expect(lines(await meta('session.get', String(client.session)))).toMatchObject([{ session: client.session }]);
  expect(await meta('session.count', '["other"]')).toMatchObject({ code: 0, stdout: '0\n' });
});

it('exits with 1 for a WAMP error, and with 2 for wrong usage', async () => {
  const { code, stdout, stderr } = await meta('session.get', '7');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^wamp\.error\.no_such_session/);
  expect(await meta()).toMatchObject({ code: 2 });
  expect(await meta('sessions', '1')).toMatchObject({ code: 2 });
});
