import { closedLoop, endpointOf, measureCase, runOnce, type Bench, type Scenario, type Started } from '../bench.js';
import { ratePerSecond } from '../compare.js';
import { clientFrame } from '../load/frame-template.js';
import type { Endpoint } from '../load/endpoint.js';
import type { FanoutJob, Outcome } from '../load/job.js';
import { Session } from '../load/session.js';
import { code, decode, encode } from '../load/wamp.js';
import { figure, medianOf, type Figure } from '../report/figures.js';
import { startGantry } from '../routers/gantry.js';
import { topic } from './fanout.js';

const microsPerSecond = 1e6;
const textFrame = 0x81;
const authorizer = 'com.bench.authorize';
const secret = 'the ticket of the authorizer';
/** Publications that wait for their event. A question to an authorizer keeps those behind it waiting. */
const window = 64;

/** How a realm allows a publication, and what its authorizer answers. */
const rules = {
  permission: { covering: [{ uri: '', match: 'prefix' }], answer: null },
  'placeholder in a permission': { covering: [{ uri: 'com.bench.{authrole}', match: 'exact' }], answer: null },
  '100 permissions': { covering: manyPermissions(), answer: null },
  'remembered answer': { covering: [], answer: { allow: true, cache: true } },
  'question for each': { covering: [], answer: { allow: true, cache: false } },
} as const;

type RuleName = keyof typeof rules;
const ruleNames = Object.keys(rules) as RuleName[];

const job: FanoutJob = {
  kind: 'fanout',
  publisher: 'json',
  subscribers: ['json'],
  remoteSubscribers: [],
  topic,
  payloadBytes: 32,
};

export const authorization: Scenario = {
  name: 'authorization',
  about:
    'One publisher, one subscriber, in realms that allow the publication in different ways, in turn. CPU time of the router for each publication, beside one permission that covers everything.',
  run: async (bench) => {
    if (bench.against === 'peers') return;
    await measureCase(bench, authorization.name, '1→1, 32 B, json', () => measure(bench));
  },
};

async function measure(bench: Bench): Promise<Figure[]> {
  const environment = { GANTRY_REALMS: JSON.stringify(ruleNames.map(realmOf)) };
  const running = await startGantry({ measuresMemory: false, profileDirectory: null, environment });
  const started = (rule: RuleName): Started => ({
    router: {
      name: 'gantry',
      wire: 'wamp',
      realm: realmName(rule),
      version: '',
      start: () => Promise.resolve(running),
    },
    running,
  });
  const authorizers: Session[] = [];
  try {
    for (const rule of ruleNames) {
      const { answer } = rules[rule];
      if (answer !== null) authorizers.push(await answerWith(endpointOf(started(rule)), answer));
    }
    return figuresOf(await alternate(bench, started));
  } finally {
    for (const { client } of authorizers) client.destroy();
    await running.stop();
  }
}

type Outcomes = ReadonlyMap<RuleName, readonly Outcome[]>;

async function alternate(bench: Bench, started: (rule: RuleName) => Started): Promise<Outcomes> {
  const outcomes = new Map(ruleNames.map((rule) => [rule, new Array<Outcome>()]));
  const { coldRuns, runs } = bench.settings;
  for (let run = -coldRuns; run < runs; run += 1) {
    for (const [rule, measured] of outcomes) {
      const outcome = await runOnce(bench, started(rule), [job], closedLoop(bench.settings, window));
      if (run >= 0) measured.push(outcome);
    }
  }
  return outcomes;
}

function figuresOf(outcomes: Outcomes): Figure[] {
  const permission = medianOf((outcomes.get('permission') ?? []).map(cpuOf));
  const ratios = [...outcomes]
    .filter(([rule]) => rule !== 'permission')
    .map(([rule, measured]) =>
      figure(
        `${rule} CPU, of a permission`,
        '×',
        measured.map((outcome) => cpuOf(outcome) / permission),
      ),
    );
  const own = [...outcomes].flatMap(([rule, measured]) => [
    figure(`${rule} CPU`, 'µs', measured.map(cpuOf)),
    figure(`${rule} publications/s`, '/s', measured.map(ratePerSecond)),
  ]);
  return [...ratios, ...own];
}

function cpuOf({ cpuSeconds, messages }: Outcome): number {
  return ((cpuSeconds ?? NaN) * microsPerSecond) / messages;
}

function realmName(rule: RuleName): string {
  return `com.bench.${rule.replaceAll(' ', '_')}`;
}

function realmOf(rule: RuleName): object {
  const { covering, answer } = rules[rule];
  const permissions = covering.map((permission) => ({ ...permission, allow: { publish: true, subscribe: true } }));
  const role = { name: 'topic', permissions, ...(answer !== null && { authorizer: { procedure: authorizer } }) };
  const backend = { name: 'backend', permissions: [{ uri: authorizer, allow: { register: true } }] };
  const auth = { ticket: { principals: { backend: { ticket: secret, role: backend.name } } } };
  return { name: realmName(rule), anonymousRole: role.name, roles: [role, backend], auth };
}

/** The last of them covers the topic. */
function manyPermissions(): { readonly uri: string; readonly match: string }[] {
  const others = Array.from({ length: 99 }, (_, index) => ({ uri: `com.example.n${index}.`, match: 'prefix' }));
  return [...others, { uri: 'com.bench.', match: 'prefix' }];
}

/** The authorizer, in this process. */
async function answerWith(endpoint: Endpoint, answer: object): Promise<Session> {
  const session = await Session.login(endpoint, 'json', {
    details: { authmethods: ['ticket'], authid: 'backend' },
    answer: () => secret,
  });
  await session.register(authorizer);
  session.client.onMessage = (buffer, start, end) => {
    const [, request] = decode('json', buffer.subarray(start, end));
    session.client.write(clientFrame(textFrame, encode('json', [code.yield, request, {}, [answer]])));
  };
  return session;
}
