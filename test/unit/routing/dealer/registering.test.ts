import { describe, expect, it } from 'vitest';
import { Code } from '../../../../src/wamp/codes.js';
import { fault } from '../../../../src/wamp/faults.js';
import type { RegistrationId } from '../../../../src/wamp/ids.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { DealerHarness, expectNoLeaks, refusal, TOPOLOGIES } from './dealer-harness.js';

describe.each(TOPOLOGIES)('registering, $name', ({ nodeCount }) => {
  const last = nodeCount - 1;

  it('answers REGISTERED, and UNREGISTERED when it is over (DLR-1, DLR-2)', () => {
    const harness = new DealerHarness(nodeCount);
    const callee = harness.session(0);
    const registration = callee.registered('com.a');
    const request = callee.unregister(registration);
    expect(callee.take()).toEqual([[Code.UNREGISTERED, request]]);
    callee.leave();
    expectNoLeaks(harness);
  });

  it('refuses a procedure that somebody else holds alone (DLR-1, SHR-2)', () => {
    const harness = new DealerHarness(nodeCount);
    harness.session(0).registered('com.a');
    const second = harness.session(last);
    const request = second.register('com.a');
    expect(second.take()).toEqual([refusal(Code.REGISTER, request, ErrorUri.PROCEDURE_ALREADY_EXISTS)]);
  });

  it('refuses another invocation policy than the first callee chose (SHR-1, SHR-2)', () => {
    const harness = new DealerHarness(nodeCount);
    harness.session(0).registered('com.a', { invoke: 'roundrobin' });
    const second = harness.session(last);
    const request = second.register('com.a', { invoke: 'random' });
    const [reply] = second.take();
    expect(reply).toEqual(refusal(Code.REGISTER, request, ErrorUri.PROCEDURE_ALREADY_EXISTS));
    expect(reply![5]).toEqual([expect.stringContaining('roundrobin')]);
  });

  it('gives all callees of a shared procedure one registration id (SHR-4)', () => {
    const harness = new DealerHarness(nodeCount);
    const first = harness.session(0).registered('com.a', { invoke: 'first' });
    const second = harness.session(last).registered('com.a', { invoke: 'first' });
    expect(second).toBe(first);
  });

  it('keeps exact, prefix and wildcard registrations of one string apart (PBR-1)', () => {
    const harness = new DealerHarness(nodeCount);
    const callee = harness.session(0);
    const ids = (['exact', 'prefix', 'wildcard'] as const).map((match) => callee.registered('com.a', { match }));
    expect(new Set(ids).size).toBe(3);
  });

  it('refuses a second REGISTER of the same session, also for shared policies (DLR-4)', () => {
    const callee = new DealerHarness(nodeCount).session(0);
    callee.registered('com.a', { invoke: 'roundrobin' });
    const request = callee.register('com.a', { invoke: 'roundrobin' });
    expect(callee.take()).toEqual([refusal(Code.REGISTER, request, ErrorUri.PROCEDURE_ALREADY_EXISTS)]);
  });

  it('refuses a second REGISTER while the first is being decided (DLR-4)', () => {
    const harness = new DealerHarness(nodeCount, { isManual: true });
    const callee = harness.session(0);
    const first = callee.register('com.a', { invoke: 'roundrobin' });
    const second = callee.register('com.a', { invoke: 'roundrobin' });
    expect(callee.take()).toEqual([refusal(Code.REGISTER, second, ErrorUri.PROCEDURE_ALREADY_EXISTS)]);
    harness.flush();
    expect(callee.take()).toEqual([[Code.REGISTERED, first, expect.any(Number)]]);
  });

  it('refuses to unregister what another session holds (DLR-2)', () => {
    const harness = new DealerHarness(nodeCount);
    const registration = harness.session(0).registered('com.a');
    const other = harness.session(last);
    const request = other.unregister(registration);
    expect(other.take()).toEqual([refusal(Code.UNREGISTER, request, ErrorUri.NO_SUCH_REGISTRATION)]);
  });

  it.each(['wamp.session.count', 'wamp', 'wamp.'])('refuses to register %s (URI-2, X-28)', (procedure) => {
    const callee = new DealerHarness(nodeCount).session(0);
    const request = callee.register(procedure, { match: 'prefix' });
    expect(callee.take()).toEqual([refusal(Code.REGISTER, request, ErrorUri.INVALID_URI)]);
  });

  it('refuses disclose_caller where it may not be promised (CID-3, X-3)', () => {
    const callee = new DealerHarness(nodeCount).session(0);
    const request = callee.register('com.a', { discloseCaller: true }, false);
    expect(callee.take()).toEqual([refusal(Code.REGISTER, request, ErrorUri.DISCLOSE_ME_DISALLOWED)]);
    callee.registered('com.a');
  });

  it('bounds registrations per session, those being decided included, and names the setting', () => {
    const harness = new DealerHarness(nodeCount, { limits: { maxRegistrationsPerSession: 2 }, isManual: true });
    const callee = harness.session(0);
    callee.registered('com.a');
    callee.register('com.b');
    const request = callee.register('com.c');
    const [reply] = callee.take();
    expect(reply).toEqual(refusal(Code.REGISTER, request, ErrorUri.LIMIT_EXCEEDED));
    expect(reply![5]).toEqual([expect.stringContaining('maxRegistrationsPerSession')]);
  });

  it('revokes the others on force_reregister, and notifies only those who announced revocation (REV-1)', () => {
    const harness = new DealerHarness(nodeCount);
    const announced = harness.session(0);
    const silent = harness.session(last, []);
    const registration = announced.registered('com.a', { invoke: 'roundrobin' });
    silent.registered('com.a', { invoke: 'roundrobin' });
    const successor = harness.session(last);
    expect(successor.registered('com.a', { forceReregister: true })).toBe(registration);
    expect(announced.take()).toEqual([[Code.UNREGISTERED, 0, { registration, reason: expect.any(String) }]]);
    expect(silent.take()).toEqual([]);

    const caller = harness.session(0);
    caller.call('com.a');
    expect(successor.take()).toHaveLength(1);
    const request = announced.unregister(registration);
    expect(announced.take()).toEqual([refusal(Code.UNREGISTER, request, ErrorUri.NO_SUCH_REGISTRATION)]);
  });

  it('revokes at once what was taken by force before its REGISTERED went out (REV-1)', () => {
    const harness = new DealerHarness(nodeCount, { isManual: true });
    const first = harness.session(0);
    const second = harness.session(last);
    const request = first.register('com.a');
    second.register('com.a', { forceReregister: true });
    for (const node of harness.nodes) {
      // Both rows before either decision, as when the barrier is slow.
      const rows = node.changes.filter((change) => 'registration' in change);
      node.changes.unshift(...rows.map((row) => node.changes.splice(node.changes.indexOf(row), 1)[0]!));
    }
    harness.flush();
    expect(first.take()).toEqual([
      [Code.REGISTERED, request, expect.any(Number)],
      [Code.UNREGISTERED, 0, { registration: expect.any(Number), reason: expect.any(String) }],
    ]);
    expect(second.take()).toHaveLength(1);
  });

  it('can be registered again right after UNREGISTERED, and is not revoked by the rows in between', () => {
    const harness = new DealerHarness(nodeCount, { isManual: true });
    const callee = harness.session(0);
    const registration = callee.registered('com.a');
    const gone = callee.unregister(registration);
    const again = callee.register('com.a');
    harness.flush();
    expect(callee.take()).toEqual([
      [Code.UNREGISTERED, gone],
      [Code.REGISTERED, again, registration],
    ]);
  });

  it('holds nothing yet to unregister while REGISTERED is outstanding', () => {
    const harness = new DealerHarness(nodeCount, { isManual: true });
    const callee = harness.session(0);
    const registration = callee.registered('com.a');
    callee.unregister(registration);
    callee.register('com.a');
    const early = callee.unregister(registration);
    expect(callee.take().at(-1)).toEqual(refusal(Code.UNREGISTER, early, ErrorUri.NO_SUCH_REGISTRATION));
    harness.flush();
    expect(callee.take()).toEqual([[Code.REGISTERED, expect.any(Number), registration]]);
  });

  it('gives a claim back that is granted after its session has left (SES-13)', () => {
    const harness = new DealerHarness(nodeCount, { isManual: true });
    const callee = harness.session(0);
    callee.register('com.a');
    callee.leave();
    harness.flush();
    expectNoLeaks(harness);
    harness.session(last).registered('com.a');
  });

  it('releases every registration of a session that leaves (SES-13)', () => {
    const harness = new DealerHarness(nodeCount);
    const callee = harness.session(0);
    callee.registered('com.a');
    callee.registered('com.b', { match: 'prefix' });
    callee.leave();
    expectNoLeaks(harness);
    const caller = harness.session(last);
    const request = caller.call('com.a');
    expect(caller.take()).toEqual([refusal(Code.CALL, request, ErrorUri.NO_SUCH_PROCEDURE)]);
  });

  it('withdraws all registrations for a drain, serves what is under way, and notifies no callee', () => {
    const harness = new DealerHarness(nodeCount, { isManual: true });
    const callee = harness.session(0);
    const caller = harness.session(last);
    callee.registered('com.a');
    caller.call('com.a');
    harness.nodes[0]!.dealer.withdraw();
    harness.flush();
    expect(callee.take()).toEqual([[Code.INVOCATION, 1, expect.any(Number), {}]]);
    expect(harness.nodes[0]!.dealer.hasCallsInFlight(callee.peer)).toBe(true);
    expect(harness.nodes[last]!.dealer.hasCallsInFlight(caller.peer)).toBe(true);
    callee.yield(1);
    harness.flush();
    expect(caller.take()).toEqual([[Code.RESULT, 1, {}]]);
    expect(harness.nodes[0]!.dealer.hasCallsInFlight(callee.peer)).toBe(false);
    const late = caller.call('com.a');
    expect(caller.take()).toEqual([refusal(Code.CALL, late, ErrorUri.NO_SUCH_PROCEDURE)]);

    callee.register('com.late');
    harness.flush();
    expect(harness.nodes[last]!.dealer.sizes().registrations).toBe(0);
    expect(callee.take()).toEqual([[Code.REGISTERED, expect.any(Number), expect.any(Number)]]);
    callee.leave();
    caller.leave();
    harness.flush();
    expectNoLeaks(harness);
  });
});

describe('a claim the cluster could not decide', () => {
  it('answers with the fault, and the session may try again', () => {
    const harness = new DealerHarness(1);
    const callee = harness.session(0);
    const { outlet } = harness.nodes[0]!;
    const claim = outlet.claim.bind(outlet);
    outlet.claim = (_claim, decided) =>
      decided({ kind: 'failed', fault: fault(ErrorUri.NETWORK_FAILURE, 'the store cannot be reached') });
    const request = callee.register('com.a');
    expect(callee.take()).toEqual([
      [Code.ERROR, Code.REGISTER, request, {}, ErrorUri.NETWORK_FAILURE, ['the store cannot be reached']],
    ]);
    outlet.claim = claim;
    callee.registered('com.a');
  });
});

describe('ids of registrations', () => {
  it('are taken from the mirror, so that callees on all nodes share them (ID-3)', () => {
    const harness = new DealerHarness(2);
    const odd = 77 as RegistrationId;
    const row = {
      id: odd,
      procedure: 'com.a',
      match: 'exact' as const,
      invoke: 'first' as const,
      createdMs: 1_000,
      callees: [{ node: harness.nodes[1]!.id, session: 1 as never, discloseCaller: false, forwardTimeout: false }],
    };
    harness.nodes[0]!.dealer.registration(row);
    harness.session(0).register('com.a', { invoke: 'first' });
    const claims = harness.nodes[0]!.outlet.recorded.filter((one) => one.verb === 'claim');
    expect(claims[0]).toMatchObject({ claim: { registration: odd } });
  });

  it('may change with a row: calls and the mirror follow', () => {
    const harness = new DealerHarness(1);
    const { dealer, outlet } = harness.nodes[0]!;
    const callee = { node: harness.nodes[0]!.id, session: 1 as never, discloseCaller: false, forwardTimeout: false };
    for (const id of [7, 8] as RegistrationId[])
      dealer.registration({
        id,
        procedure: 'com.a',
        match: 'exact',
        invoke: 'first',
        createdMs: 1_000,
        callees: [callee],
      });
    expect(dealer.sizes().registrations).toBe(1);
    harness.session(0).call('com.a');
    expect(outlet.recorded.find((one) => one.verb === 'sendFrame')).toMatchObject({
      frame: { kind: 'invoke', registration: 8 },
    });
  });

  it('evade a procedure that has the derived id already', () => {
    const harness = new DealerHarness(1);
    const derived = harness.session(0).registered('com.a');
    const other = new DealerHarness(1);
    other.nodes[0]!.dealer.registration({
      id: derived,
      procedure: 'com.other',
      match: 'exact',
      invoke: 'single',
      createdMs: 1_000,
      callees: [{ node: other.nodes[0]!.id, session: 1 as never, discloseCaller: false, forwardTimeout: false }],
    });
    const callee = other.session(0);
    const evaded = callee.registered('com.a');
    expect(evaded).not.toBe(derived);
    callee.unregister(evaded);
    callee.take();
    other.nodes[0]!.dealer.registration({
      id: derived,
      procedure: 'com.other',
      match: 'exact',
      invoke: 'single',
      createdMs: 1_000,
      callees: [],
    });
    expect(callee.registered('com.a')).toBe(derived);
  });
});
