import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Schedule } from './schedule.js';
import { simulate } from './simulate.js';

const FOLDER = new URL('cases/', import.meta.url);
const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));

describe('schedules that once went wrong', () => {
  it.each(names)('keep the promises now: %s', async (name) => {
    const schedule = JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Schedule;
    expect((await simulate(schedule)).violations).toEqual([]);
  });

  it('have the same history whenever they are played', async () => {
    for (const name of names) {
      const schedule = JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Schedule;
      expect(await simulate(schedule)).toEqual(await simulate(schedule));
    }
  });
});
