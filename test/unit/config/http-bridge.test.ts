import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../src/config/schema.js';
import { parseConfig } from '../../../src/config/load.js';

type Service = NonNullable<ConfigInput['httpBridge']>[number];

const service: Service = { type: 'publisher', path: '/publish', realm: 'realm1', role: 'anonymous' };
const key = { key: 'app', secret: 'x' };

function parse(...httpBridge: Service[]): () => unknown {
  return () => parseConfig({ httpBridge });
}

describe('the services of the HTTP bridge', () => {
  it('may use the realm that is there without a configuration', () => {
    expect(parse(service)).not.toThrow();
  });

  it.each([
    [{ realm: 'realm2' }, 'httpBridge[0].realm: There is no realm "realm2"'],
    [{ role: 'nobody' }, 'httpBridge[0].role: Realm "realm1" has no role "nobody"'],
    [{ keys: [{ ...key, role: 'nobody' }] }, 'httpBridge[0].keys[0].role: Realm "realm1" has no role'],
    [{ keys: [key, key] }, 'httpBridge[0].keys[1].key: There is another key "app"'],
    [{ path: '/ws/' }, 'httpBridge[0].path: Path "/ws/" is in use'],
    [{ path: '/' }, 'httpBridge[0].path: Invalid path'],
    [{ path: '/a?b' }, 'httpBridge[0].path: Invalid path'],
    [{ bearer: true }, 'httpBridge[0].bearer: Needs an issuer of tokens'],
    [{ topic: 'com.example.topic' }, 'httpBridge[0].topic: Invalid: only a webhook has a topic'],
    [{ type: 'events', keys: [key] }, 'httpBridge[0].keys: Invalid: a client of event streams connects again'],
    [{ type: 'events', topic: 'com.example.topic' }, 'httpBridge[0].topic: Invalid: only a webhook has a topic'],
    [{ type: 'webhook' }, 'httpBridge[0].topic: Missing'],
    [{ type: 'webhook', topic: 'com.example.topic', keys: [key] }, 'httpBridge[0]: Invalid: a webhook has no keys'],
    [
      { type: 'webhook', topic: 'com.example.topic', signature: { header: 'x', secret: 'x', text: 'body' } },
      'httpBridge[0].signature.text: Invalid text',
    ],
  ] as const)('are refused with %j', (changes, message) => {
    expect(parse({ ...service, ...(changes as Partial<Service>) })).toThrow(message);
  });

  it('have no fault of their own where their realm has one', () => {
    const realms = [
      { name: 'realm1', roles: [{ name: 'anonymous' }], uriCheck: 'odd' },
    ] as unknown as ConfigInput['realms'];
    expect(() => parseConfig({ realms, httpBridge: [service] })).toThrow('realms[0].uriCheck');
    expect(() => parseConfig({ realms, httpBridge: [service] })).not.toThrow('httpBridge');
  });

  it('have other paths than long-poll and the console, where they are enabled', () => {
    const parseWith = (path: string, isEnabled: boolean) => (): unknown =>
      parseConfig({
        httpBridge: [{ ...service, path }],
        console: { enabled: isEnabled },
        longPoll: { enabled: isEnabled },
      });
    for (const path of ['/lp', '/console']) {
      expect(parseWith(path, true)).toThrow(`httpBridge[0].path: Path "${path}" is in use`);
      expect(parseWith(path, false)).not.toThrow();
    }
  });

  it('have paths of their own at each of their listeners, which serve WebSockets', () => {
    const listeners: ConfigInput['listeners'] = [
      { name: 'pages', type: 'websocket', port: 1, path: '/publish' },
      { name: 'devices', type: 'rawsocket', port: 2 },
    ];
    const faultsAt =
      (...services: Service[]) =>
      (): unknown =>
        parseConfig({ listeners, httpBridge: services });
    const call: Service = { ...service, type: 'caller', path: '/call', listeners: ['pages'] };
    expect(faultsAt(service, call)).not.toThrow();
    expect(faultsAt({ ...call, listeners: ['listen'] }, call)).not.toThrow();
    expect(faultsAt(call, { ...call, listeners: ['listen', 'pages'] })).toThrow('httpBridge[1].path: Path "/call"');
    expect(faultsAt({ ...service, listeners: ['pages'] })).toThrow('httpBridge[0].path: Path "/publish" is in use');
    for (const name of ['devices', 'nowhere'])
      expect(faultsAt({ ...call, listeners: ['listen', name] })).toThrow(
        `httpBridge[0].listeners[1]: There is no WebSocket listener "${name}": expected one of listen, pages`,
      );
    expect(faultsAt({ ...call, listeners: [] })).toThrow('httpBridge[0].listeners: Too small');
  });

  it('have paths of their own', () => {
    expect(parse(service, { ...service, type: 'caller' })).toThrow('httpBridge[1].path: Path "/publish" is in use');
  });
});
