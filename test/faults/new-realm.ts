import { RawMember } from '../cluster/harness/member.js';
import { PLAIN } from '../cluster/harness/roles.js';
import { forMs, within } from '../cluster/harness/wait.js';
import type { Arena } from './arena.js';
import type { Struck } from './blow.js';
import type { FaultOf } from './fault.js';

const JOIN_MS = 10_000;
const ANSWER_MS = 5_000;

/**
 * Clients on every node are the first in a realm, and Redis is emptied in its first second. Nobody notices: the checker
 * judges these clients with all others, whose topics and procedures have other names.
 */
export async function flushNewRealm(arena: Arena, { afterMs }: FaultOf<'flush-new-realm'>): Promise<Struck> {
  const { scene, nodeCount } = arena;
  const realm = arena.newRealm();
  const topic = `${realm}.topic`;
  const procedures = Array.from({ length: nodeCount }, (_, home) => `${realm}.procedure${home}`);
  const entrance = { doorFor: (home: number) => scene.fleet.doorFor(home) };
  const members = procedures.map((procedure, home) => {
    const role = { name: `${realm}-${home}`, home, realm, subscriptions: [[topic, 'exact']] as const };
    return new RawMember({ ...role, registrations: [[procedure, {}]] }, scene.journal, entrance);
  });
  for (const member of members) member.start();
  await forMs(afterMs);
  await arena.store.flushAll();
  const healsFromMs = Date.now();
  await within(JOIN_MS, `everybody is in ${realm}`, () =>
    members.filter(({ session }) => session === undefined).map(({ role }) => role.name),
  );
  await exchange(members, topic, procedures);
  const after = async (): Promise<void> => {
    await exchange(members, topic, procedures);
    await Promise.all(members.map((member) => member.leave()));
  };
  return { healsFromMs, over: () => undefined, after };
}

/** Each publishes to all, and calls each. Whether all of it came the checker finds out. */
async function exchange(members: readonly RawMember[], topic: string, procedures: readonly string[]): Promise<void> {
  const publications = members.flatMap((member) => member.publish(topic, true) ?? []);
  const calls = members.flatMap((member) => procedures.flatMap((procedure) => member.call(procedure, PLAIN) ?? []));
  await within(ANSWER_MS, `all is answered in a new realm`, () =>
    [...publications, ...calls].filter(({ answers }) => answers.length === 0).map(({ number }) => `${number}`),
  );
}
