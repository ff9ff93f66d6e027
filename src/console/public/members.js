import { byId, make, setText } from './dom.js';

/** Members in the document. */
const PAGE_MEMBERS = 10;
/** No subscription and no registration has this id. */
const NO_ID = 1;

/** Procedures about the members of a subscription and of a registration. */
const KINDS = {
  subscription: {
    many: 'Subscribers',
    list: 'wamp.subscription.list_subscribers',
    remove: 'wamp.subscription.remove_subscriber',
    none: 'wamp.error.no_such_subscription',
  },
  registration: {
    many: 'Callees',
    list: 'wamp.registration.list_callees',
    remove: 'wamp.registration.remove_callee',
    none: 'wamp.error.no_such_registration',
  },
};

/** The sessions of a subscription or registration, and a button that removes one, where the role may. */
export class MembersDialog {
  #session;
  #allowed = new Set();
  #kind;
  #entry;
  #members = [];
  #page = 0;
  /** Counts up with each list: an answer for an earlier one is ignored. */
  #turn = 0;

  constructor() {
    byId('members-close').addEventListener('click', () => byId('members').close());
    byId('members-newer').addEventListener('click', () => this.#turnPage(-1));
    byId('members-older').addEventListener('click', () => this.#turnPage(1));
    byId('members').addEventListener('close', () => this.#turn++);
  }

  /** The error for an id that nothing has shows that the role may remove members. */
  async learn(session) {
    this.#session = session;
    this.#allowed.clear();
    const asked = Object.entries(KINDS).map(async ([kind, { remove, none }]) => {
      const outcome = await session.call(remove, [NO_ID, session.id]).catch((error) => error.uri);
      if (this.#session === session && outcome === none) this.#allowed.add(kind);
    });
    await Promise.all(asked);
  }

  forget() {
    this.#session = undefined;
    this.#allowed.clear();
    byId('members').close();
  }

  /** `kind`: `subscription` or `registration`. */
  open(kind, entry) {
    this.#kind = kind;
    this.#entry = entry;
    this.#members = [];
    this.#page = 0;
    setText(byId('members-title'), KINDS[kind].many);
    setText(byId('members-of'), `${entry.uri} (${entry.match})`);
    setText(byId('members-failure'), '');
    this.#render();
    byId('members').showModal();
    void this.#read();
  }

  async #read() {
    const turn = ++this.#turn;
    try {
      const members = await this.#session.call(KINDS[this.#kind].list, [this.#entry.id]);
      if (turn === this.#turn) this.#members = members;
    } catch (error) {
      if (turn !== this.#turn) return;
      // It has ended with its last member.
      if (error.uri === KINDS[this.#kind].none) this.#members = [];
      else setText(byId('members-failure'), error.message);
    }
    if (turn === this.#turn) this.#render();
  }

  async #remove(member) {
    const turn = this.#turn;
    setText(byId('members-failure'), '');
    try {
      await this.#session.call(KINDS[this.#kind].remove, [this.#entry.id, member]);
    } catch (error) {
      if (turn === this.#turn) setText(byId('members-failure'), error.message);
    }
    if (turn === this.#turn) await this.#read();
  }

  #turnPage(by) {
    this.#page += by;
    this.#render();
  }

  #render() {
    const { length } = this.#members;
    const pages = Math.max(1, Math.ceil(length / PAGE_MEMBERS));
    this.#page = Math.min(Math.max(this.#page, 0), pages - 1);
    const from = this.#page * PAGE_MEMBERS;
    const items = this.#members.slice(from, from + PAGE_MEMBERS).map((member) => this.#item(member));
    byId('members-list').replaceChildren(...items);
    const count = `${length.toLocaleString('en')} ${length === 1 ? 'session' : 'sessions'}`;
    setText(byId('members-page'), pages === 1 ? count : `${this.#page + 1} of ${pages} · ${count}`);
    byId('members-newer').disabled = this.#page === 0;
    byId('members-older').disabled = this.#page >= pages - 1;
  }

  #item(member) {
    const name = make('span', { class: 'entry' }, member === this.#session?.id ? `${member} (this page)` : `${member}`);
    if (!this.#allowed.has(this.#kind)) return make('li', {}, name);
    const button = make('button', { type: 'button', class: 'danger' }, 'Remove');
    // The first click asks.
    button.addEventListener('click', () => {
      if (button.textContent === 'Remove') {
        setText(button, 'Remove now?');
        return;
      }
      button.disabled = true;
      void this.#remove(member);
    });
    return make('li', {}, name, button);
  }
}
