import type { Backplane, UnansweredCause } from '../backplane/backplane.js';
import { reading } from '../realm/meta/meta-question.js';
import type { RouterProcedure } from '../realm/router-procedures.js';
import type { Counters } from '../telemetry/counters.js';
import type { Gauges } from '../telemetry/metrics.js';
import { isDict, own } from '../wamp/dict.js';
import { isFault } from '../wamp/faults.js';
import type { Uri } from '../wamp/ids.js';
import type { Dict } from '../wamp/options.js';
import { version } from './version.js';

export const NODE_LIST: Uri = 'gantry.node.list';

/** Subject of the question whose answer is the report of a node on itself. */
const REPORT_SUBJECT = 'node.report';

const TIMEOUT_MS = 3_000;
const MS_PER_SECOND = 1_000;

/** The numbers of a report. Messages, bytes and events only grow, as long as the process lives. */
const FIGURES = [
  'uptimeMs',
  'sessions',
  'subscriptions',
  'registrations',
  'pendingCalls',
  'messagesIn',
  'messagesOut',
  'bytesIn',
  'bytesOut',
  'eventsDelivered',
  'eventsDropped',
] as const;

/** Figures of one node, over all its realms. */
type NodeReport = Readonly<Record<(typeof FIGURES)[number], number>> & {
  readonly version: string;
};

export interface ReportSources {
  readonly counters: Pick<Counters, 'messagesIn' | 'messagesOut' | 'bytes' | 'eventsDelivered' | 'eventsDropped'>;
  readonly gauges: Pick<Gauges, 'sessions' | 'subscriptions' | 'registrations' | 'pendingCalls'>;
}

/** The answers of this node to questions about itself. */
export function nodeAnswers(sources: ReportSources): ReadonlyMap<string, () => Promise<unknown>> {
  return new Map([[REPORT_SUBJECT, () => Promise.resolve(report(sources))]]);
}

function report({ counters, gauges }: ReportSources): NodeReport {
  return {
    version: version(),
    uptimeMs: Math.round(process.uptime() * MS_PER_SECOND),
    sessions: gauges.sessions(),
    subscriptions: gauges.subscriptions(),
    registrations: gauges.registrations(),
    pendingCalls: gauges.pendingCalls(),
    messagesIn: sum(counters.messagesIn),
    messagesOut: sum(counters.messagesOut),
    bytesIn: counters.bytes.in,
    bytesOut: counters.bytes.out,
    eventsDelivered: counters.eventsDelivered.all,
    eventsDropped: sum(Object.values(counters.eventsDropped)),
  };
}

/**
 * Every live node that serves the realm of the caller, with its report. A node that does not answer in time is named with the
 * reason, so that the list is never silently shorter.
 */
export function nodeList(ask: Backplane['ask']): RouterProcedure {
  return async ({ realm }) => {
    const asked = await reading(() => ask(realm, REPORT_SUBJECT, null, { timeoutMs: TIMEOUT_MS }));
    if (isFault(asked)) return asked;
    const silent = asked.unanswered.filter(({ why }) => why !== 'gone');
    const rows: readonly Dict[] = [
      ...asked.answers.map(({ node, body }) => ({ node, ...(readReport(body) ?? unanswered('failed')) })),
      ...silent.map(({ node, why }) => ({ node, ...unanswered(why) })),
    ];
    return { args: [[...rows].sort(byNode)] };
  };
}

function unanswered(why: UnansweredCause): Dict {
  return { unanswered: why };
}

function byNode(one: Dict, other: Dict): number {
  return String(one['node']) < String(other['node']) ? -1 : 1;
}

/** Undefined: the node answers in another format. A node of another release may have fewer figures. */
function readReport(body: unknown): Dict | undefined {
  if (!isDict(body)) return undefined;
  const release = own(body, 'version');
  if (typeof release !== 'string') return undefined;
  const figures = FIGURES.map((figure): [string, unknown] => [figure, own(body, figure)]);
  return { version: release, ...Object.fromEntries(figures.filter(([, value]) => Number.isFinite(value))) };
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
