import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { convertCrossbar } from '../../../../src/cli/convert/crossbar.js';
import { folder, result } from './converted.js';

/** The parts that were converted, by the port of their listener. */
function listener(port: number): object | undefined {
  return result('15').config.listeners.find((one) => one.port === port);
}

describe('long-poll and web of a port', () => {
  it('stand beside listen for the first WebSocket', () => {
    const { config } = result('15');
    expect(config.listen).toMatchObject({ port: 8080, path: '/ws' });
    expect(config.longPoll).toMatchObject({ enabled: true, path: '/poll', sessionTimeoutMs: 45_000 });
    expect(config.web.paths).toMatchObject({ '/': { type: 'static', directory: join(folder, '../site') } });
  });

  it('are off beside listen where the foreign node has none', () => {
    for (const number of ['01', '08']) expect(result(number).config.longPoll.enabled).toBe(false);
  });

  it('belong to the entry of listeners of a further WebSocket', () => {
    expect(listener(8443)).toMatchObject({
      type: 'websocket',
      path: '/ws',
      tls: { certFile: join(folder, 'cert.pem') },
      authMethods: ['ticket'],
      longPoll: { enabled: true, path: '/lp', sessionTimeoutMs: 600_000 },
      web: {
        paths: { '/': { type: 'static', spaFallback: 'index.html' }, '/info': { type: 'json', value: { stage: 1 } } },
      },
    });
    expect(listener(9003)).toMatchObject({
      authMethods: ['anonymous'],
      allowedOrigins: ['https://theatre.example'],
      longPoll: { path: '/poll' },
    });
  });

  it('make a listener without methods where the foreign port has no WebSocket', () => {
    expect(listener(80)).toMatchObject({
      type: 'websocket',
      path: '/ws',
      authMethods: [],
      web: { paths: { '/': { type: 'redirect', url: 'https://theatre.example/' } } },
    });
    expect(listener(80)).not.toHaveProperty('longPoll');
  });

  it('admit by long-poll alone whom Crossbar.io admits: anonymous clients', () => {
    expect(listener(9000)).toMatchObject({
      host: '127.0.0.1',
      // Long-poll has the usual path of a WebSocket.
      path: '/wamp',
      authMethods: ['anonymous'],
      longPoll: { path: '/ws' },
      web: { paths: { '/': { value: 1 } } },
    });
  });

  it('admit nobody where the WebSocket of the port has other principals', () => {
    expect(listener(9001)).toMatchObject({ authMethods: [], web: { paths: { '/': { value: 2 } } } });
    expect(listener(9001)).not.toHaveProperty('longPoll');
  });

  it('are for everybody, also at another worker', () => {
    expect(listener(9004)).toMatchObject({ authMethods: [], web: { paths: { '/': { url: '/menu' } } } });
  });

  it('have notes of what was left out', () => {
    const [at, { security, others }] = ['workers[0].transports', result('15')];
    expect(listener(9002)).toBeUndefined();
    expect(listener(9005)).toBeUndefined();
    expect(security).toEqual([`${at}[4].paths.ws`, `${at}[4].paths.lp`, `${at}[5].endpoint.tls`]);
    const options = `${at}[1].paths.poll.options`;
    expect(others).toEqual([
      `${at}[2].paths.push`,
      `${options}.request_timeout`,
      `${options}.queue_limit_bytes`,
      `${options}.debug`,
      `${at}[2].paths.again`,
      `${at}[5].paths./`,
      `${at}[6].web.paths./`,
      'workers[1].transports[1].paths.lp',
      'workers[1].transports[1].paths.menu',
      'workers[1].realms[0]',
    ]);
  });

  it.each([
    ['no principals at all', undefined, {}],
    ['anonymous ones', { anonymous: { type: 'static', role: 'anonymous' } }, { authMethods: ['anonymous'] }],
    ['anonymous ones of another role', { anonymous: { type: 'static', role: 'guest' } }, undefined],
    ['those of tickets', { ticket: { type: 'static', principals: {} } }, undefined],
  ])('are a listener of long-poll alone where the first WebSocket has %s', (_, auth, expected) => {
    const at = (port: number): object => ({ type: 'tcp', port });
    const transports = [
      { type: 'websocket', endpoint: at(8080), ...(auth && { auth }) },
      { type: 'web', endpoint: at(8081), paths: { lp: { type: 'longpoll' } } },
    ];
    const roles = [{ name: 'anonymous', permissions: [] }];
    const workers = [{ type: 'router', realms: [{ name: 'r', roles }], transports }];
    const { config, notes } = convertCrossbar({ version: 2, workers }, '.');
    const place = { type: 'websocket', host: '0.0.0.0', port: 8081, path: '/ws' };
    expect(config['listeners']).toEqual(expected && [{ ...place, ...expected, longPoll: { path: '/lp' } }]);
    expect(notes.some(({ path, isSecurity }) => isSecurity && path.endsWith('[1].paths.lp'))).toBe(!expected);
  });
});
