import { expect, it } from 'vitest';
import { ConfigUnusableError } from '../../../../src/config/faults.js';
import { loadConfig, parseConfig } from '../../../../src/config/load.js';
import type { ConfigInput } from '../../../../src/config/schema.js';

const backplane = { url: 'redis://127.0.0.1:6379' };

function faultsOf(config: ConfigInput): string {
  try {
    parseConfig(config);
  } catch (error) {
    if (error instanceof ConfigUnusableError) return error.lines.join('\n');
    throw error;
  }
  return '';
}

it.each([
  [{ processes: 2 }, 'set backplane.url too'],
  [{ processes: 'auto' }, 'set backplane.url too'],
  [{ processes: 2, backplane, listen: { port: 0 } }, 'which share one port: name it'],
  [{ processes: 2, backplane, listeners: [{ type: 'rawsocket', port: 0 }] }, 'which share one port: name it'],
  [
    { processes: 2, backplane, listeners: [{ type: 'rawsocket', path: '/run/x' }] },
    'only one can listen at a Unix socket',
  ],
  [{ processes: 0 }, 'processes'],
  [{ processes: 65 }, 'processes'],
] as const)('%o is refused', (config, words) => {
  expect(faultsOf(config as ConfigInput)).toContain(words);
});

it('several processes with Redis, or one without', () => {
  expect(faultsOf({ processes: 4, backplane })).toBe('');
  expect(faultsOf({ processes: 4, backplane, listeners: [{ type: 'websocket', port: 8081 }] })).toBe('');
  expect(faultsOf({ processes: 'auto', backplane })).toBe('');
  expect(faultsOf({ processes: 1, listen: { port: 0 } })).toBe('');
});

it.each([
  ['4', 4],
  ['auto', 'auto'],
] as const)('GANTRY_PROCESSES=%s', (text, processes) => {
  const environment = { GANTRY_PROCESSES: text, GANTRY_BACKPLANE_URL: backplane.url, GANTRY_PROCESS_PLACE: '0/4' };
  expect(loadConfig({ file: undefined, environment, overrides: [] }).processes).toBe(processes);
});
