import { byId, setText, shown } from './dom.js';

/** Asks before a session is closed: a list that lives moves under the finger. */
export class KillDialog {
  #kill;
  #entry;
  #isAllowed = false;

  /** `kill(id, message)` */
  constructor(kill) {
    this.#kill = kill;
    byId('kill-no').addEventListener('click', () => byId('kill').close());
    byId('kill-yes').addEventListener('click', () => void this.#confirmed());
  }

  get isAllowed() {
    return this.#isAllowed;
  }

  /** The router never closes the session of its caller: the error for it shows that the role may close others. */
  async learn(session) {
    const outcome = await session.call('wamp.session.kill', [session.id]).catch((error) => error.uri);
    this.#isAllowed = session.isOpen && outcome === 'wamp.error.no_such_session';
  }

  forget() {
    this.#isAllowed = false;
    byId('kill').close();
  }

  ask(entry) {
    this.#entry = entry;
    const { id, authid, authrole } = entry;
    setText(byId('kill-who'), `${id} · ${shown(authid)} (${shown(authrole)})`);
    setText(byId('kill-failure'), '');
    byId('kill-message').value = '';
    byId('kill-yes').disabled = false;
    byId('kill').showModal();
  }

  async #confirmed() {
    const { id } = this.#entry;
    byId('kill-yes').disabled = true;
    try {
      await this.#kill(id, byId('kill-message').value.trim());
      if (this.#entry.id === id) byId('kill').close();
    } catch (error) {
      if (this.#entry.id !== id) return;
      setText(byId('kill-failure'), error.message);
      byId('kill-yes').disabled = false;
    }
  }
}
