import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Admission, type AdmissionLimits, type ConnectionSlot } from '../../../../src/transport/bounds/admission.js';

const LIMITS: AdmissionLimits = {
  maxConnections: 2,
  maxSurplusConnections: 5,
  maxConnectionsPerAddress: 0,
  maxPendingConnections: 10_000,
};

/** Accepts a connection that sends a request at once. */
function come(admission: Admission, address: string): ConnectionSlot {
  expect(admission.arrived(address)).toBeUndefined();
  return admission.requested(address, address);
}

describe('admission', () => {
  it('refuses past the limit of all connections until one leaves', () => {
    const admission = new Admission(LIMITS);
    const places = ['a', 'a', 'b'].map((address) => come(admission, address));
    expect(places.map((slot) => admission.admit(slot))).toEqual([undefined, undefined, 'connections']);
    places[2]!.release();
    places[0]!.release();
    places[0]!.release();
    expect(admission.count).toBe(1);
    expect(admission.admit(come(admission, 'b'))).toBeUndefined();
  });

  it('lets as many in as may stay of all that come at once', () => {
    const admission = new Admission(LIMITS);
    for (let arrival = 0; arrival < 7; arrival++) expect(admission.arrived('a')).toBeUndefined();
    const admitted = Array.from({ length: 7 }, () => admission.admit(admission.requested('a', 'a')));
    expect(admitted).toEqual([undefined, undefined, ...Array<string>(5).fill('connections')]);
  });

  it('keeps no place for connections that send nothing, and accepts only so many of them', () => {
    const admission = new Admission(LIMITS);
    const refusals = Array.from({ length: 8 }, (_, index) => admission.arrived(`${index}`));
    expect(refusals).toEqual([...Array<undefined>(7).fill(undefined), 'connections']);
    expect(admission.pendingCount).toBe(7);
    expect(admission.admit(admission.requested('6', '6'))).toBeUndefined();
    admission.left('0');
    expect([admission.count, admission.pendingCount]).toEqual([6, 5]);
    expect(admission.admit(come(admission, 'late'))).toBeUndefined();
  });

  it('bounds those that have sent no request yet', () => {
    const admission = new Admission({ ...LIMITS, maxConnections: 100, maxPendingConnections: 2 });
    for (const address of ['a', 'b', 'c']) come(admission, address);
    const arrivals = ['a', 'b', 'c'].map((address) => admission.arrived(address));
    expect(arrivals).toEqual([undefined, undefined, 'pending_connections']);
    admission.requested('a', 'a');
    expect(admission.arrived('c')).toBeUndefined();
  });

  it('refuses one address past its own limit, and no other', () => {
    const admission = new Admission({ ...LIMITS, maxConnections: 100, maxConnectionsPerAddress: 2 });
    const places = ['a', 'a', 'a', 'b', '__proto__'].map((address) => come(admission, address));
    const refused = places.map((slot) => admission.admit(slot));
    expect(refused).toEqual([undefined, undefined, 'connections_per_address', undefined, undefined]);
    places[2]!.release();
    places[0]!.release();
    expect(admission.admit(come(admission, 'a'))).toBeUndefined();
    for (let more = 0; more < 16; more++) expect(admission.arrived('a')).toBeUndefined();
    expect(admission.arrived('a')).toBe('connections_per_address');
    expect(admission.arrived('b')).toBeUndefined();
  });

  it('counts what comes through a proxy for the client that the proxy forwards', () => {
    const admission = new Admission({ ...LIMITS, maxConnections: 100, maxConnectionsPerAddress: 1 });
    const places = ['a', 'b', 'a'].map((client) => {
      expect(admission.arrived(undefined)).toBeUndefined();
      return admission.requested(undefined, client);
    });
    expect(places.map((slot) => admission.admit(slot))).toEqual([undefined, undefined, 'connections_per_address']);
    places[0]!.release();
    admission.arrived(undefined);
    admission.left(undefined);
    for (const slot of places.slice(1)) slot.release();
    expect([admission.count, admission.pendingCount]).toEqual([0, 0]);
  });

  it('never lets in more than may stay, and forgets all that have gone', () => {
    const step = fc.record({
      kind: fc.constantFrom('arrive', 'leave', 'request', 'release'),
      address: fc.constantFrom('a', 'b', undefined),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const admission = new Admission({ ...LIMITS, maxConnectionsPerAddress: 1, maxPendingConnections: 4 });
        const pending: (string | undefined)[] = [];
        const places: ConnectionSlot[] = [];
        for (const { kind, address } of steps) {
          if (kind === 'arrive' && admission.arrived(address) === undefined) pending.push(address);
          if (kind === 'leave' && pending.length > 0) admission.left(pending.pop());
          if (kind === 'request' && pending.length > 0) {
            const peer = pending.pop();
            const slot = admission.requested(peer, peer ?? 'a');
            admission.admit(slot);
            places.push(slot);
          }
          if (kind === 'release') places.shift()?.release();
          const staying = places.filter(({ isStaying }) => isStaying).map((slot) => slot.address);
          expect(staying.length).toBeLessThanOrEqual(2);
          expect(new Set(staying).size).toBe(staying.length);
          expect([admission.count, admission.pendingCount]).toEqual([places.length + pending.length, pending.length]);
          expect(admission.pendingCount).toBeLessThanOrEqual(4);
        }
        for (const address of pending) admission.left(address);
        for (const slot of places) slot.release();
        expect([admission.count, admission.pendingCount]).toEqual([0, 0]);
        expect(admission.admit(come(admission, 'a'))).toBeUndefined();
      }),
    );
  });
});
