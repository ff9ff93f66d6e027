import { afterEach, describe, expect, it } from 'vitest';
import { ManagedProcess, setProgram } from '../../../src/processes/managed-process.js';

const program = process.execPath;

afterEach(() => {
  process.execPath = program;
});

describe('a process that the system cannot start', () => {
  it('ends with the reason, and the parent goes on', async () => {
    process.execPath = '/there/is/no/such/program';
    setProgram('main.js', []);
    const one = new ManagedProcess({ index: 0, count: 2 }, () => 0);
    expect(await one.started).toBeUndefined();
    expect(await one.exited).toMatchObject({ code: null, signal: null, error: { code: 'ENOENT' } });
    expect(one.readiness).toEqual({ ready: false, reason: 'ended' });
    expect(await one.metrics()).toBeUndefined();
  });
});
