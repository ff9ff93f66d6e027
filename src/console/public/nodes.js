import { make, setText } from './dom.js';
import { Table, textColumn } from './table.js';

const PERIOD_MS = 2_000;
const MS_PER_SECOND = 1_000;
/** Two reports that are closer give no rate. */
const LEAST_MS = 500;

const COLUMNS = [
  textColumn('Node', ({ node }) => node),
  textColumn('Version', ({ version, unanswered }) => version ?? `does not answer: ${unanswered}`),
  textColumn('Up', ({ uptimeMs }) => duration(uptimeMs)),
  textColumn('Sessions', ({ sessions }) => number(sessions)),
  textColumn('Subscriptions', ({ subscriptions }) => number(subscriptions)),
  textColumn('Registrations', ({ registrations }) => number(registrations)),
  textColumn('Messages in /s', ({ rates }) => number(rates?.messagesIn)),
  textColumn('Messages out /s', ({ rates }) => number(rates?.messagesOut)),
  textColumn('KiB in /s', ({ rates }) => number(rates && rates.bytesIn / 1_024)),
  textColumn('KiB out /s', ({ rates }) => number(rates && rates.bytesOut / 1_024)),
  textColumn('Events dropped', ({ eventsDropped }) => number(eventsDropped)),
];

/** The live nodes, with rates that the page computes from two reports of a node. */
export class NodesView {
  #call;
  #isOpen = false;
  #isShown = false;
  #timer;
  /** Row of each node in the last report. */
  #before = new Map();
  #status = make('p', { class: 'status', role: 'status' });
  #table = new Table(COLUMNS);

  constructor(root, call) {
    this.#call = call;
    root.append(make('div', { class: 'tools' }, this.#status), this.#table.element);
  }

  begin() {
    this.#isOpen = true;
    void this.#load();
  }

  end() {
    this.#isOpen = false;
    clearTimeout(this.#timer);
    this.#before.clear();
    this.#table.show([]);
    setText(this.#status, '');
  }

  show(isShown) {
    this.#isShown = isShown;
    if (isShown && this.#isOpen) void this.#load();
  }

  async #load() {
    clearTimeout(this.#timer);
    if (!this.#isShown || !this.#isOpen) return;
    try {
      if (!document.hidden) this.#received(await this.#call('gantry.node.list'));
    } catch (error) {
      this.#table.show([]);
      setText(this.#status, error.message);
    }
    clearTimeout(this.#timer);
    if (this.#isOpen) this.#timer = setTimeout(() => void this.#load(), PERIOD_MS);
  }

  #received(reports) {
    if (!this.#isOpen) return;
    const nodes = reports.map((report) => {
      const before = this.#before.get(report.node);
      const isTooClose = report.uptimeMs - before?.uptimeMs < LEAST_MS;
      return isTooClose ? before : { ...report, id: report.node, rates: ratesOf(report, before) };
    });
    this.#before = new Map(nodes.map((node) => [node.id, node]));
    this.#table.show(nodes);
    const sum = (of) => nodes.reduce((soFar, node) => soFar + (of(node) ?? 0), 0);
    const silent = nodes.filter(({ unanswered }) => unanswered !== undefined).length;
    const texts = [
      counted(nodes.length, 'node'),
      counted(
        sum(({ sessions }) => sessions),
        'session',
      ),
      `${number(sum(({ rates }) => rates?.messagesIn))} messages/s in`,
      `${number(sum(({ rates }) => rates?.messagesOut))} messages/s out`,
      ...(silent > 0 ? [`${silent} without an answer: the sums lack them`] : []),
    ];
    setText(this.#status, texts.join(' · '));
  }
}

/** Undefined: there is no earlier report of the node, or it does not answer. */
function ratesOf(now, before) {
  const seconds = (now.uptimeMs - before?.uptimeMs) / MS_PER_SECOND;
  if (!(seconds > 0)) return undefined;
  const rate = (key) => (now[key] - before[key]) / seconds;
  return Object.fromEntries(['messagesIn', 'messagesOut', 'bytesIn', 'bytesOut'].map((key) => [key, rate(key)]));
}

function number(value) {
  return typeof value === 'number' ? Math.round(value).toLocaleString('en') : undefined;
}

function counted(count, one) {
  return `${number(count)} ${one}${count === 1 ? '' : 's'}`;
}

function duration(ms) {
  if (typeof ms !== 'number') return undefined;
  const minutes = Math.floor(ms / 60_000);
  const [days, hours] = [Math.floor(minutes / 1_440), Math.floor(minutes / 60) % 24];
  if (days > 0) return `${days} d ${hours} h`;
  return hours > 0 ? `${hours} h ${minutes % 60} min` : minutes > 0 ? `${minutes} min` : `${Math.floor(ms / 1_000)} s`;
}
