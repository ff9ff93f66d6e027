import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';
import { AppError, type AppInvocation, type CancelMode } from './clients/app-client.js';
import { AWKWARD, BULK, describePairs, freshUri } from './pairs.js';

const never = (): Promise<never> => new Promise(() => undefined);
const echo = ({ args, kwargs }: AppInvocation) => ({ args, kwargs });

describePairs('calls', (pair, { library }) => {
  it('carries every kind of value there and back', async () => {
    const { near, far } = pair();
    const procedure = freshUri();
    await far.register(procedure, echo);
    expect(await near.call(procedure, AWKWARD).result).toEqual(AWKWARD);
    expect(await near.call(procedure, { args: ['alone'] }).result).toEqual({ args: ['alone'], kwargs: {} });
    expect(await near.call(procedure).result).toEqual({ args: [], kwargs: {} });
  });

  it('carries 512 KiB there and back', async () => {
    const { near, far } = pair();
    const procedure = freshUri();
    await far.register(procedure, echo);
    const { args } = await near.call(procedure, { args: BULK }).result;
    expect(isDeepStrictEqual(args, BULK)).toBe(true);
  });

  it('keeps many calls apart that are out at once', async () => {
    const { near, far } = pair();
    const procedure = freshUri();
    const waiting: (() => void)[] = [];
    await far.register(procedure, async ({ args }) => {
      await new Promise<void>((resolve) => {
        waiting.unshift(resolve);
        if (waiting.length === 50) for (const wake of waiting) wake();
      });
      return { args };
    });
    const calls = Array.from({ length: 50 }, (_, number) => near.call(procedure, { args: [number] }).result);
    expect((await Promise.all(calls)).map(({ args }) => args[0])).toEqual(calls.map((_, number) => number));
  });

  it('hands on errors with all they carry', async () => {
    const { near, far } = pair();
    const procedure = freshUri();
    await far.register(procedure, () => {
      throw new AppError('com.example.error.ünlikely', AWKWARD.args, AWKWARD.kwargs);
    });
    const failed = near.call(procedure).result;
    await expect(failed).rejects.toMatchObject({ uri: 'com.example.error.ünlikely', ...AWKWARD });
  });

  it('reports that there is no such procedure, before and after it was there', async () => {
    const { near, far } = pair();
    const procedure = freshUri();
    const missing = { uri: 'wamp.error.no_such_procedure' };
    await expect(near.call(procedure).result).rejects.toMatchObject(missing);
    const unregister = await far.register(procedure, echo);
    await near.call(procedure).result;
    await unregister();
    await expect(near.call(procedure).result).rejects.toMatchObject(missing);
  });

  it('passes on progress, then the result (PCR-1, ADR 9)', async () => {
    const { near, far } = pair();
    const procedure = freshUri();
    await far.register(procedure, ({ progress }) => {
      for (const args of [[1], [2, Buffer.from('two')], [3]]) progress({ args });
      return { args: ['done'] };
    });
    const call = near.call(procedure, {}, { receive_progress: true });
    expect(await call.result).toEqual({ args: ['done'], kwargs: {} });
    expect(call.progress.map(({ args }) => args)).toEqual([[1], [2, Buffer.from('two')], [3]]);
    const unasked = near.call(procedure);
    expect(await unasked.result).toEqual({ args: ['done'], kwargs: {} });
    expect(unasked.progress).toEqual([]);
  });

  // autobahn forgets the call it cancels with another mode, and takes the router's ERROR for a violation.
  const modes: CancelMode[] = library === 'autobahn' ? ['kill'] : ['kill', 'killnowait', 'skip'];
  it.each(modes)('can be cancelled: %s (CAN-1, CAN-2)', async (mode) => {
    const { near, far } = pair();
    const procedure = freshUri();
    const answers: (() => void)[] = [];
    await far.register(procedure, ({ args }) =>
      args[0] === 'wait' ? new Promise((resolve) => answers.push(() => resolve({}))) : { args },
    );
    const call = near.call(procedure, { args: ['wait'] });
    call.cancel(mode);
    await expect(call.result).rejects.toMatchObject({ uri: 'wamp.error.canceled' });
    // What the callee answers too late harms neither.
    for (const answer of answers) answer();
    expect(await near.call(procedure, { args: ['again'] }).result).toMatchObject({ args: ['again'] });
  });

  it('times out (TMO-2)', async () => {
    const { near, far } = pair();
    const procedure = freshUri();
    await far.register(procedure, never);
    const call = near.call(procedure, {}, { timeout: 20 });
    await expect(call.result).rejects.toMatchObject({ uri: 'wamp.error.timeout' });
  });

  it('names the caller when it wants that (CID-1)', async () => {
    const { near, far } = pair();
    const procedure = freshUri();
    await far.register(procedure, ({ caller }) => ({ args: [caller ?? 'somebody'] }));
    expect((await near.call(procedure).result).args).toEqual(['somebody']);
    expect((await near.call(procedure, {}, { disclose_me: true }).result).args).toEqual([near.session]);
  });

  it.each([
    ['roundrobin', ['far', 'third', 'far', 'third']],
    ['first', ['far', 'far', 'far', 'far']],
    ['last', ['third', 'third', 'third', 'third']],
  ])('shares a registration: %s (SHR-3)', async (invoke, expected) => {
    const { near, far, third } = pair();
    const procedure = freshUri();
    await far.register(procedure, () => ({ args: ['far'] }), { invoke });
    await third.register(procedure, () => ({ args: ['third'] }), { invoke });
    const answers: unknown[] = [];
    for (let count = 0; count < 4; count++) answers.push((await near.call(procedure).result).args[0]);
    expect(answers).toEqual(expected);
  });

  it('shares a registration at random, and loses none when a callee goes (SHR-3, SHR-5)', async () => {
    const { near, far, third } = pair();
    const procedure = freshUri();
    const unregister = await far.register(procedure, () => ({ args: ['far'] }), { invoke: 'random' });
    await third.register(procedure, () => ({ args: ['third'] }), { invoke: 'random' });
    const ask = async (): Promise<unknown> => (await near.call(procedure).result).args[0];
    const seen = new Set<unknown>();
    while (seen.size < 2) seen.add(await ask());
    await unregister();
    for (let count = 0; count < 4; count++) expect(await ask()).toBe('third');
  });

  it('gives a procedure that is not shared to one callee only (SHR-2)', async () => {
    const { near, far, third } = pair();
    const procedure = freshUri();
    await far.register(procedure, () => ({ args: ['far'] }));
    const taken = { uri: 'wamp.error.procedure_already_exists' };
    await expect(third.register(procedure, echo)).rejects.toMatchObject(taken);
    await expect(third.register(procedure, echo, { invoke: 'roundrobin' })).rejects.toMatchObject(taken);
    expect((await near.call(procedure).result).args).toEqual(['far']);
  });

  it('finds the best pattern, and names the procedure (PBR-4, PBR-6)', async () => {
    const { near, far, third } = pair();
    const stem = freshUri();
    const named =
      (name: string) =>
      ({ procedure }: AppInvocation) => ({ args: [name, procedure ?? null] });
    await far.register(stem, named('prefix'), { match: 'prefix' });
    await third.register(`${stem}.long`, named('longer prefix'), { match: 'prefix' });
    await third.register(`${stem}.x`, named('exact'));
    const wild = freshUri('org.example');
    await far.register(`${wild}..end`, named('wildcard'), { match: 'wildcard' });
    const answer = async (uri: string): Promise<unknown> => (await near.call(uri).result).args;
    expect(await answer(`${stem}.a`)).toEqual(['prefix', `${stem}.a`]);
    expect(await answer(`${stem}.long.a`)).toEqual(['longer prefix', `${stem}.long.a`]);
    expect((await near.call(`${stem}.x`).result).args[0]).toBe('exact');
    expect(await answer(`${wild}.a.end`)).toEqual(['wildcard', `${wild}.a.end`]);
    await expect(answer(`${wild}.a.b.end`)).rejects.toMatchObject({ uri: 'wamp.error.no_such_procedure' });
  });
});
