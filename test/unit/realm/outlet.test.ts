import { describe, expect, it } from 'vitest';
import { BackplaneUnavailableError, type Backplane } from '../../../src/backplane/backplane.js';
import { RealmOutlet } from '../../../src/realm/outlet.js';
import type { Publication } from '../../../src/routing/ports.js';
import { createCounters } from '../../../src/telemetry/counters.js';
import type { Fault } from '../../../src/wamp/faults.js';
import { ErrorUri } from '../../../src/wamp/uris.js';

function outletOver(publish: () => void | Promise<void>) {
  const counters = createCounters();
  const outlet = new RealmOutlet({
    realm: 'realm1',
    backplane: { node: 'a', bus: { publish } } as unknown as Backplane,
    delivery: undefined as never,
    keeper: undefined as never,
    counters,
    after: () => () => undefined,
    receiveLocally: () => undefined,
    onLostRequest: () => undefined,
  });
  const publication = {} as Publication;
  return { outlet, counters, publication };
}

const refused = (): Promise<void> => Promise.reject(new BackplaneUnavailableError('publish'));

describe('a publication to other nodes', () => {
  it('is acknowledged when it was accepted, and refused by name when not (G4)', async () => {
    const answers = [Promise.resolve(), refused()];
    const { outlet, counters, publication } = outletOver(() => answers.shift());
    const settled: (Fault | undefined)[] = [];
    for (let count = 0; count < 2; count++) outlet.publish(publication, (refusal) => settled.push(refusal));
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).toEqual([undefined, expect.objectContaining({ error: ErrorUri.NETWORK_FAILURE })]);
    expect(counters.eventsDropped.node_unreachable).toBe(1);
  });

  it('is counted once each where several share the promise that is refused, also later (G4)', async () => {
    const shared = refused();
    const { outlet, counters, publication } = outletOver(() => shared);
    for (let count = 0; count < 3; count++) outlet.publish(publication);
    await new Promise((resolve) => setImmediate(resolve));
    expect(counters.eventsDropped.node_unreachable).toBe(3);
    outlet.publish(publication);
    await new Promise((resolve) => setImmediate(resolve));
    expect(counters.eventsDropped.node_unreachable).toBe(4);
  });
});
