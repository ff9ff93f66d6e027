import { make, setText, shown } from './dom.js';
import { readEvent } from './wamp.js';

/** Events in the document. */
const MAX_EVENTS = 200;
/** Events of one second that are shown; further ones are only counted. */
const MAX_PER_SECOND = 50;
/** With more events in one second than this, the page ends the subscription. */
const STOP_PER_SECOND = 5_000;
const RENDER_MS = 250;
/** A longer message is not parsed. */
const MAX_PARSED = 65_536;
const MAX_TEXT = 2_000;
const PLAIN = { autocapitalize: 'off', autocomplete: 'off', spellcheck: 'false' };

/** The events of one topic or pattern, as long as somebody watches. */
export class EventsView {
  #session;
  /** A topic is watched, or will be when the router answers, or when the connection is back. */
  #isWanted = false;
  #listener;
  /** Counts up with each topic that is watched: what belongs to an earlier one is ignored. */
  #turn = 0;
  #counts = { all: 0, left: 0, second: 0 };
  #secondMs = 0;
  #fresh = [];
  #timer;
  #note = '';
  #topic = make('input', { type: 'text', 'aria-label': 'Topic', placeholder: 'com.example.topic', ...PLAIN });
  #match = make(
    'select',
    { 'aria-label': 'Match' },
    ...['exact', 'prefix', 'wildcard'].map((one) => make('option', {}, one)),
  );
  #button = make('button', { type: 'submit' }, 'Watch');
  #status = make('p', { class: 'status', role: 'status' });
  #list = make('ol', { class: 'events' });

  constructor(root) {
    const form = make('form', { class: 'tools' }, this.#topic, this.#match, this.#button);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (!this.#isWanted) void this.watch(this.#topic.value.trim(), this.#match.value);
      else this.#stop('');
    });
    root.append(form, this.#status, this.#list);
  }

  /** Subscribes in a new session to the topic of the last one. */
  begin(session) {
    this.#listener = undefined;
    this.#session = session;
    if (this.#isWanted) void this.watch(this.#topic.value, this.#match.value);
  }

  show() {}

  /** Forgets everything: the next one who signs in may not see it. */
  end() {
    this.#stop('');
    this.#session = undefined;
    this.#fresh = [];
    this.#topic.value = '';
    this.#list.replaceChildren();
    setText(this.#status, '');
  }

  async watch(topic, match) {
    this.#stop('');
    const turn = this.#turn;
    this.#topic.value = topic;
    this.#match.value = match;
    this.#counts = { all: 0, left: 0, second: 0 };
    this.#list.replaceChildren();
    this.#isWanted = true;
    this.#renderState();
    try {
      const options = { match, get_retained: true };
      const listener = await this.#session.subscribe(
        topic,
        options,
        (text) => turn === this.#turn && this.#received(text),
        (reason) =>
          turn === this.#turn && this.#stop(`the router has ended the subscription${reason ? `: ${reason}` : ''}`),
      );
      if (turn === this.#turn) this.#listener = listener;
      else this.#session?.unsubscribe(listener).catch(() => undefined);
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#isWanted = error.uri === 'lost';
      this.#note = error.message;
    }
    this.#changed();
  }

  #stop(note) {
    this.#turn++;
    this.#note = note;
    this.#isWanted = false;
    const listener = this.#listener;
    this.#listener = undefined;
    if (listener !== undefined) this.#session?.unsubscribe(listener).catch(() => undefined);
    this.#changed();
  }

  #received(text) {
    const nowMs = performance.now();
    if (nowMs - this.#secondMs >= 1_000) {
      this.#secondMs = nowMs;
      this.#counts.second = 0;
    }
    this.#counts.all++;
    this.#counts.second++;
    if (this.#counts.second > STOP_PER_SECOND)
      this.#stop(`stopped: more than ${STOP_PER_SECOND.toLocaleString('en')} events in a second`);
    else if (this.#counts.second > MAX_PER_SECOND) this.#counts.left++;
    else {
      this.#fresh.push({ text, time: new Date() });
      if (this.#fresh.length > MAX_EVENTS) this.#fresh.shift();
    }
    this.#changed();
  }

  #changed() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#render();
    }, RENDER_MS);
  }

  #render() {
    for (const event of this.#fresh.splice(0)) this.#list.prepend(eventItem(event));
    while (this.#list.childElementCount > MAX_EVENTS) this.#list.lastElementChild.remove();
    this.#renderState();
  }

  #renderState() {
    const { all, left } = this.#counts;
    setText(this.#button, this.#isWanted ? 'Stop' : 'Watch');
    this.#topic.disabled = this.#match.disabled = this.#isWanted;
    const waiting = this.#isWanted ? 'subscribing …' : '';
    const texts = [
      this.#listener === undefined ? waiting : 'watching',
      all > 0 ? `${all.toLocaleString('en')} events` : '',
      left > 0 ? `${left.toLocaleString('en')} not shown: more than ${MAX_PER_SECOND} in a second` : '',
      this.#note,
    ];
    setText(this.#status, texts.filter((one) => one !== '').join(' · '));
  }
}

function eventItem({ text, time }) {
  if (text.length > MAX_PARSED)
    return make('li', {}, clock(time), make('code', {}, `${text.slice(0, MAX_TEXT)}… (${text.length} characters)`));
  return itemOf(readEvent(text), time);
}

/** An event as an item of a list. */
export function itemOf({ publication, details = {}, args = [], kwargs = {} }, time) {
  const facts = [details.topic, details.retained === true ? 'retained' : undefined, `publication ${publication}`];
  const payload = [args, ...(Object.keys(kwargs).length > 0 ? [kwargs] : [])]
    .map((part) => JSON.stringify(part))
    .join(' ');
  const cut = payload.length > MAX_TEXT ? `${payload.slice(0, MAX_TEXT)}… (${payload.length} characters)` : payload;
  return make(
    'li',
    {},
    clock(time),
    make('span', { class: 'facts' }, shown(facts.filter((fact) => fact !== undefined).join(' · '))),
    make('code', {}, cut),
  );
}

function clock(time) {
  const isToday = time.toDateString() === new Date().toDateString();
  const day = isToday ? '' : `${time.toLocaleDateString('sv')} `;
  return make('time', { datetime: time.toISOString() }, `${day}${time.toTimeString().slice(0, 8)}`);
}
