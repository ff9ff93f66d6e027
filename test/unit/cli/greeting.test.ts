import { expect, it } from 'vitest';
import { greeting, greetingLine } from '../../../src/cli/greeting.js';

const ws = 'ws://127.0.0.1:8080/ws';
const listeners: string[] = [];

it('reports where everything is and how to connect in three lines', () => {
  const urls = ['wss://127.0.0.1:8443/ws', 'rs://127.0.0.1:8081', 'rs+unix:/run/gantry.sock'];
  const addresses = { ws, site: 'http://127.0.0.1:8080/', ops: 'http://127.0.0.1:9090', listeners: urls };
  const text = greeting('1.2.3', addresses, 'realm1');
  const lines = text.split('\n');
  expect(lines.slice(0, 7)).toEqual([
    'gantry 1.2.3 is ready',
    '  WebSocket   ws://127.0.0.1:8080/ws',
    '  WebSocket   wss://127.0.0.1:8443/ws',
    '  RawSocket   rs://127.0.0.1:8081',
    '  RawSocket   rs+unix:/run/gantry.sock',
    '  demo page   http://127.0.0.1:8080/',
    '  operations  http://127.0.0.1:9090/healthz  http://127.0.0.1:9090/readyz  http://127.0.0.1:9090/metrics',
  ]);
  expect(lines.slice(9)).toHaveLength(4);
  expect(text).toContain(`new autobahn.Connection({ url: '${ws}', realm: 'realm1' })`);
});

it('names the console where it is served', () => {
  expect(greeting('1.2.3', { ws, listeners, console: 'http://127.0.0.1:8080/console/' }, 'realm1')).toContain(
    '\n  console     http://127.0.0.1:8080/console/\n',
  );
});

it('leaves out what is not served', () => {
  const text = greeting('1.2.3', { ws, listeners }, undefined);
  expect(text).not.toMatch(/demo page|console  |operations/);
  expect(text).toContain("realm: 'your.realm'");
});

it('is one line of JSON where each line is to be', () => {
  const line = greetingLine('1.2.3', { ws, ops: 'http://127.0.0.1:9090', listeners });
  expect(line).toMatch(/^[^\n]+\n$/);
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  const expected = {
    level: 'info',
    time,
    event: 'node.ready',
    version: '1.2.3',
    ws,
    ops: 'http://127.0.0.1:9090',
    listeners,
  };
  expect(JSON.parse(line)).toEqual(expected);
});
