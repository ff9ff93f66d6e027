import { expect, it } from 'vitest';
import { greeting, greetingLine } from '../../../src/cli/greeting.js';

const ws = 'ws://127.0.0.1:8080/ws';

it('says where everything is and how to connect in three lines', () => {
  const text = greeting('1.2.3', { ws, site: 'http://127.0.0.1:8080/', ops: 'http://127.0.0.1:9090' }, 'realm1');
  const lines = text.split('\n');
  expect(lines.slice(0, 4)).toEqual([
    'gantry 1.2.3 is ready',
    '  WebSocket   ws://127.0.0.1:8080/ws',
    '  demo page   http://127.0.0.1:8080/',
    '  operations  http://127.0.0.1:9090/healthz  http://127.0.0.1:9090/readyz  http://127.0.0.1:9090/metrics',
  ]);
  expect(lines.slice(6)).toHaveLength(4);
  expect(text).toContain(`new autobahn.Connection({ url: '${ws}', realm: 'realm1' })`);
});

it('names the console where it is served', () => {
  expect(greeting('1.2.3', { ws, console: 'http://127.0.0.1:8080/console/' }, 'realm1')).toContain(
    '\n  console     http://127.0.0.1:8080/console/\n',
  );
});

it('leaves out what is not served', () => {
  const text = greeting('1.2.3', { ws }, undefined);
  expect(text).not.toMatch(/demo page|console  |operations/);
  expect(text).toContain("realm: 'your.realm'");
});

it('is one line of JSON where each line is to be', () => {
  const line = greetingLine('1.2.3', { ws, ops: 'http://127.0.0.1:9090' });
  expect(line).toMatch(/^[^\n]+\n$/);
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  const expected = { level: 'info', time, event: 'node.ready', version: '1.2.3', ws, ops: 'http://127.0.0.1:9090' };
  expect(JSON.parse(line)).toEqual(expected);
});
