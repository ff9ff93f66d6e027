import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { judge, type Evidence, type Terms } from '../cluster/checker/judge.js';
import { endOf, Journal, type CallRecord, type PublicationRecord } from '../cluster/checker/journal.js';
import type { Entrance } from '../cluster/harness/member.js';
import { Workload, type WorkloadOptions } from '../cluster/harness/workload.js';
import { button, LIVE, showsNotice, shows } from '../demo/stage.js';
import type { AppClient } from '../interop/clients/app-client.js';
import { EventLog, freshUri, join, KINDS } from '../interop/pairs.js';
import { launchChromium } from '../support/chromium.js';
import { docker } from '../support/docker.js';
import { RawClient } from '../support/raw-client.js';
import { ComposeProject } from './compose-project.js';
import { until } from './until.js';

const ROLL = fileURLToPath(new URL('../../deploy/roll.sh', import.meta.url));

let project: ComposeProject;
beforeAll(async () => {
  project = await ComposeProject.up();
});
beforeEach(async () => {
  await project.compose('up', '--detach', '--no-recreate', '--scale', 'gantry=3');
  await project.inUse(3);
});
afterAll(() => project.down());

/** Every client calls every client, and receives the events of every client. */
async function meet(clients: readonly AppClient[]): Promise<void> {
  const topic = freshUri();
  const procedures = clients.map(() => freshUri());
  const logs = clients.map(() => new EventLog());
  await Promise.all(
    clients.flatMap((client, index) => [
      client.register(procedures[index]!, ({ args }) => ({ args: [index, ...args] })),
      client.subscribe(topic, logs[index]!.add),
    ]),
  );
  for (const [from, client] of clients.entries()) {
    const answers = procedures.map((procedure) => client.call(procedure, { args: [from] }).result);
    expect((await Promise.all(answers)).map(({ args }) => args)).toEqual(procedures.map((_, to) => [to, from]));
    await client.publish(topic, { args: [from] });
  }
  for (const [index, log] of logs.entries()) {
    const others = [...clients.keys()].filter((other) => other !== index);
    expect((await log.take(others.length)).map(({ args }) => args[0])).toEqual(others);
  }
}

describe('docker compose up', () => {
  it('spreads clients over three replicas, which behave as one router', async () => {
    const clients = await Promise.all([...KINDS, ...KINDS].map((kind) => join(kind, project.url)));
    try {
      expect(Math.min(...(await project.sessions()))).toBeGreaterThanOrEqual(3);
      await meet(clients);
    } finally {
      await Promise.all(clients.map((client) => client.leave()));
    }
  });

  it('shows the votes demo, with its back end on whatever replica', async () => {
    const browser = await launchChromium();
    try {
      const pages = await Promise.all([1, 2, 3].map(() => browser.newPage()));
      for (const page of pages) {
        await page.goto(project.siteUrl);
        await showsNotice(page, LIVE);
      }
      await button(pages[0]!, 'lemon').click();
      for (const page of pages) await shows(page, [0, 0, 1]);
      await button(pages[2]!, 'banana').click();
      for (const page of pages) await shows(page, [1, 0, 1]);
    } finally {
      await browser.close();
    }
  });

  it('does not let the containers write, nor run them with privileges', async () => {
    for (const service of ['gantry', 'redis', 'haproxy', 'demo-backend']) {
      const [id] = (await project.compose('ps', '--quiet', service)).split('\n');
      const [{ HostConfig }] = JSON.parse(await docker(['inspect', id!]));
      expect(HostConfig).toMatchObject({
        ReadonlyRootfs: true,
        CapDrop: ['ALL'],
        CapAdd: null,
        Privileged: false,
        SecurityOpt: ['no-new-privileges:true'],
      });
      const published: { HostIp: string }[][] = Object.values(HostConfig.PortBindings);
      expect(published.flat().filter(({ HostIp }) => HostIp !== '127.0.0.1')).toEqual([]);
    }
  });

  it('sends nobody to a replica that drains, and lets it finish', async () => {
    const [caller, callee] = [await RawClient.join(project.url), await RawClient.join(project.url)];
    const procedure = freshUri();
    await callee.register(procedure);
    caller.call(procedure);
    const [, invocation] = await callee.expect(Code.INVOCATION);
    const replicas = await project.replicas();
    const pending = await Promise.all(replicas.map((replica) => project.metric(replica, 'gantry_pending_calls')));
    const stopping = docker(['stop', replicas[pending.indexOf(1)]!]);
    await project.draining(1);
    const others = await Promise.all(KINDS.map((kind) => join(kind, project.url)));
    await meet(others);
    callee.send([Code.YIELD, invocation, {}, ['done']]);
    expect(await caller.expect(Code.RESULT)).toMatchObject({ 3: ['done'] });
    expect((await caller.closed).code).toBe(1012);
    expect(caller.unread).toEqual([]);
    await Promise.all([stopping, callee.close()]);
    expect(others.every((client) => client.isOpen())).toBe(true);
    await Promise.all(others.map((client) => client.leave()));
  });

  it('cuts the connections to a replica that hangs, so that its clients come back elsewhere', async () => {
    const clients = await Promise.all(KINDS.map((kind) => join(kind, project.url)));
    const [replica] = await project.replicas();
    await docker(['pause', replica!]);
    try {
      await Promise.race(clients.map((client) => client.ended));
      await project.inUse(2);
      await meet(await Promise.all(KINDS.map((kind) => join(kind, project.url))));
    } finally {
      await docker(['unpause', replica!]);
    }
    await project.inUse(3);
    await meet(await Promise.all(KINDS.map((kind) => join(kind, project.url))));
  });

  it('keeps every client connected while Redis is away, and works again with it (G6)', async () => {
    const clients = await Promise.all(KINDS.map((kind) => join(kind, project.url)));
    await project.compose('stop', '--timeout', '1', 'redis');
    try {
      await project.draining(3);
    } finally {
      await project.compose('start', 'redis');
    }
    await project.inUse(3);
    await meet(clients);
    await Promise.all(clients.map((client) => client.leave()));
  });

  it('takes two replicas more with --scale gantry=5, and uses all', async () => {
    await project.compose('up', '--detach', '--no-recreate', '--scale', 'gantry=5');
    await project.inUse(5);
    const clients = await Promise.all([...KINDS, ...KINDS].map((kind) => join(kind, project.url)));
    try {
      const counts = await project.sessions();
      expect(counts).toHaveLength(5);
      expect(Math.min(...counts)).toBeGreaterThanOrEqual(1);
      await meet(clients);
    } finally {
      await Promise.all(clients.map((client) => client.leave()));
    }
  });
});

/** What the routers log cannot be joined with sessions here: whatever is lost has to be explained by what clients saw. */
const NO_EVIDENCE: Evidence = {
  latenessMs: () => 0,
  gapsMs: () => [],
  refusedCount: () => 0,
  reroutedCount: () => 1,
  drainsFromMs: () => Infinity,
};
const TERMS: Omit<Terms, 'sacrificed'> = {
  troubles: [],
  noticeMs: 2_000,
  endingMs: 1_500,
  answerMs: 10_000,
  // drain.periodMs passes between the withdrawal of a registration and the end of its session.
  ghostMs: 4_000,
};
const LEASE_MS = 7_000;

/** Clients of all kinds at work while something is done to the replicas. They come back through the load balancer. */
async function underLoad(
  act: () => Promise<unknown>,
  apps: WorkloadOptions['apps'] = false,
): Promise<{ journal: Journal; nodes: Set<string> }> {
  const journal = new Journal();
  const nodes = new Set<string>();
  const entrance: Entrance = {
    doorFor: () => {
      // Nobody knows where it is: each session counts as one on a node of its own.
      const node = `somewhere-${nodes.size}`;
      nodes.add(node);
      return { url: project.url, nodeAt: () => node };
    },
  };
  const workload = new Workload(
    { nodeCount: 3, publicationsPerSecond: 20, callsPerSecond: 15, apps },
    journal,
    entrance,
  );
  const isComplete = (): boolean => workload.isComplete;
  workload.join();
  try {
    await until('all clients to be there', isComplete);
    workload.run();
    await act();
    await until('all clients to be back', isComplete);
    workload.pause();
    const last = [...workload.publishEverywhere(), ...workload.callEverywhere()];
    await until('the last answers', () => last.every(({ answers }) => answers.length > 0));
    await until('every call to end', () =>
      journal.calls.every((call) => endOf(call) !== undefined || call.session.ended !== undefined),
    );
    expect(last.filter(({ answers }) => answers.at(-1)?.error !== '').map(described)).toEqual([]);
  } finally {
    await workload.leave();
  }
  return { journal, nodes };
}

const described = (one: CallRecord | PublicationRecord): string =>
  `${one.session.member} ${'procedure' in one ? one.procedure : one.topic}: ${one.answers.at(-1)?.error ?? 'no answer'}`;

describe('under load', () => {
  it('goes on when a replica is killed: its clients come back, nothing else is lost', async () => {
    let killedMs = 0;
    const { journal, nodes } = await underLoad(async () => {
      const [replica] = await project.replicas();
      const sessionCount = await project.metric(replica!, 'gantry_sessions');
      expect(sessionCount).toBeGreaterThan(0);
      killedMs = performance.timeOrigin + performance.now();
      await docker(['kill', replica!]);
      await project.inUse(2);
    });
    const troubles = [{ fromMs: killedMs - 1_000, toMs: killedMs + LEASE_MS + TERMS.answerMs }];
    expect(judge(journal, NO_EVIDENCE, { ...TERMS, troubles, sacrificed: nodes })).toEqual([]);
  });

  it('replaces all replicas one by one without losing a publication to a subscriber, or a call without an ERROR', async () => {
    const before = await project.replicas();
    // Client libraries with their own reconnection among them: `underLoad` waits until each of them is back.
    const { journal, nodes } = await underLoad(
      () => promisify(execFile)(ROLL, { env: { ...process.env, ...project.variables } }),
      'stock',
    );
    for (const library of ['autobahn', 'wampy'])
      expect(journal.sessions.filter(({ member }) => member === library).length).toBeGreaterThan(1);
    const after = await project.replicas();
    expect(after).toHaveLength(3);
    expect(after.filter((replica) => before.includes(replica))).toEqual([]);
    expect(journal.publications.length).toBeGreaterThan(500);
    expect(judge(journal, NO_EVIDENCE, { ...TERMS, sacrificed: nodes })).toEqual([]);
  });

  it('leaves nothing in Redis when all have gone, but the list of who was there', async () => {
    await project.compose('stop', 'demo-backend', 'gantry');
    const keys = await project.compose('exec', '-T', 'redis', 'redis-cli', '--raw', 'keys', '*');
    expect(keys.split('\n')).toEqual(['gantry:{nodes}:gone']);
  });
});
