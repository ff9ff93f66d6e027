import { make, setText } from './dom.js';
import { itemOf } from './events.js';

/** Events in the document. */
const PAGE_EVENTS = 25;
const PLAIN = { autocapitalize: 'off', autocomplete: 'off', spellcheck: 'false' };

/** The events of one topic or pattern that the router keeps, the newest first, page by page. */
export class HistoryView {
  #session;
  #subscription;
  /** The publication before which each page up to the shown one begins; the first page begins with the newest event. */
  #begins = [undefined];
  /** The publication before which the next page begins. Undefined: there is none. */
  #nextBegin;
  /** Counts up with each question: an answer to an earlier one is ignored. */
  #turn = 0;
  #topic = make('input', { type: 'text', 'aria-label': 'Topic', placeholder: 'com.example.topic', ...PLAIN });
  #match = make(
    'select',
    { 'aria-label': 'Match' },
    ...['exact', 'prefix', 'wildcard'].map((one) => make('option', {}, one)),
  );
  #status = make('p', { class: 'status', role: 'status' });
  #list = make('ol', { class: 'events' });
  #newer = make('button', { type: 'button' }, '← Newer');
  #pageName = make('span');
  #older = make('button', { type: 'button' }, 'Older →');

  constructor(root) {
    const button = make('button', { type: 'submit' }, 'Read');
    const form = make('form', { class: 'tools' }, this.#topic, this.#match, button);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.read(this.#topic.value.trim(), this.#match.value);
    });
    this.#newer.addEventListener('click', () => void this.#page(this.#begins.slice(0, -1)));
    this.#older.addEventListener('click', () => void this.#page([...this.#begins, this.#nextBegin]));
    const pages = make(
      'nav',
      { class: 'pages', 'aria-label': 'Pages of the history' },
      this.#newer,
      this.#pageName,
      this.#older,
    );
    root.append(form, this.#status, this.#list, pages);
    this.#clear('');
  }

  begin(session) {
    this.#session = session;
  }

  show() {}

  /** Forgets everything: the next one who signs in may not see it. */
  end() {
    this.#session = undefined;
    this.#topic.value = '';
    this.#clear('');
  }

  /** Shows the newest events. The id of a subscription comes with SUBSCRIBED, whether or not another session has it. */
  async read(topic, match) {
    this.#clear('reading …');
    this.#topic.value = topic;
    this.#match.value = match;
    const turn = this.#turn;
    const session = this.#session;
    try {
      const listener = await session.subscribe(topic, { match }, () => undefined);
      session.unsubscribe(listener).catch(() => undefined);
      if (turn !== this.#turn) return;
      this.#subscription = listener.id;
      await this.#page([undefined]);
    } catch (error) {
      if (turn === this.#turn) this.#clear(error.message);
    }
  }

  /** `begins`: those up to the page that is to be shown. A failure leaves the page that is there. */
  async #page(begins) {
    const turn = ++this.#turn;
    const begin = begins.at(-1);
    this.#newer.disabled = this.#older.disabled = true;
    try {
      const filter = { reverse: true, limit: PAGE_EVENTS, ...(begin !== undefined && { before_publication: begin }) };
      const answer = await this.#session.callWhole('wamp.subscription.get_events', [this.#subscription], filter);
      if (turn !== this.#turn) return;
      this.#begins = begins;
      this.#render(answer);
    } catch (error) {
      if (turn !== this.#turn) return;
      setText(this.#status, error.message);
      this.#renderPages();
    }
  }

  #render({ args: events, kwargs }) {
    this.#nextBegin = kwargs.is_limit_reached === true ? events.at(-1)?.publication : undefined;
    this.#list.replaceChildren(...events.map((event) => itemOf(event, new Date(event.timestamp))));
    const { unrepresentable = 0 } = kwargs;
    const count = `${events.length} ${events.length === 1 ? 'event' : 'events'} on this page`;
    setText(this.#status, unrepresentable > 0 ? `${count} · ${unrepresentable} that JSON cannot represent` : count);
    this.#renderPages();
  }

  #renderPages() {
    setText(this.#pageName, `page ${this.#begins.length}`);
    this.#newer.disabled = this.#begins.length === 1;
    this.#older.disabled = this.#nextBegin === undefined;
  }

  #clear(text) {
    this.#turn++;
    this.#begins = [undefined];
    this.#nextBegin = undefined;
    this.#list.replaceChildren();
    setText(this.#status, text);
    this.#renderPages();
  }
}
