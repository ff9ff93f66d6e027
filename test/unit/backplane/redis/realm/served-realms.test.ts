import { describe, expect, it } from 'vitest';
import { BackplaneUnavailableError } from '../../../../../src/backplane/backplane.js';
import type { ServedRealm } from '../../../../../src/backplane/redis/realm/ports.js';
import { ServedRealms } from '../../../../../src/backplane/redis/realm/served-realms.js';
import type { Uri } from '../../../../../src/wamp/ids.js';

interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(): void;
}

function defer(): Deferred {
  let [resolve, reject]: [() => void, () => void] = [() => undefined, () => undefined];
  const promise = new Promise<void>((done, failed) => {
    [resolve, reject] = [done, () => failed(new BackplaneUnavailableError('not now'))];
  });
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

/** Carries out each request when the test resolves it. */
class FakeRealm {
  readonly entering = defer();
  readonly withdrawing = defer();
  readonly requests: string[] = [];

  readonly directory = {
    enter: () => this.#note('enter', this.entering.promise),
    withdraw: () => this.#note('withdraw', this.withdrawing.promise),
    resync: (why: string) => this.#note(`resync ${why}`, Promise.resolve()),
    cutOff: () => void this.requests.push('cut off'),
    changed: (message: Uint8Array) => void this.requests.push(`changed ${message[0]}`),
    asked: () => void this.requests.push('asked'),
    stop: () => {
      this.requests.push('stop');
      this.entering.reject();
      this.withdrawing.reject();
    },
  } as unknown as ServedRealm;

  #note<T>(what: string, outcome: T): T {
    this.requests.push(what);
    return outcome;
  }
}

function scene() {
  const made: FakeRealm[] = [];
  const membership: string[] = [];
  const channels: string[] = [];
  const noting: Promise<void>[] = [];
  const realms = new ServedRealms({
    channelOf: (realm) => `channel ${realm}`,
    channels: {
      subscribe: (channel) => {
        channels.push(`+${channel}`);
        return Promise.resolve();
      },
      unsubscribe: (channel) => {
        channels.push(`-${channel}`);
        return Promise.resolve();
      },
    },
    membership: {
      noteRealm: (realm) => {
        membership.push(`note ${realm}`);
        return noting.shift() ?? Promise.resolve();
      },
      dropRealm: (realm) => void membership.push(`drop ${realm}`),
    },
    confirmations: { confirm: () => undefined, ask: () => undefined },
    make: () => {
      const realm = new FakeRealm();
      made.push(realm);
      return realm.directory;
    },
  });
  return { realms, made, membership, channels, noting };
}

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const R: Uri = 'realm.one';

describe('ServedRealms', () => {
  it('keeps the note that rows may be left while a withdrawal was not done, so that they are removed later (G5)', async () => {
    const { realms, made, membership } = scene();
    const serving = realms.serve(R);
    await settled();
    made[0]!.entering.resolve();
    await serving;
    const withdrawing = expect(realms.withdraw(R)).rejects.toThrow(BackplaneUnavailableError);
    realms.stop();
    await withdrawing;
    expect(membership).toEqual(['note realm.one']);
  });

  it('takes the note back when nothing is left', async () => {
    const { realms, made, membership, channels } = scene();
    const serving = realms.serve(R);
    await settled();
    made[0]!.entering.resolve();
    await serving;
    const withdrawing = realms.withdraw(R);
    expect(membership).toEqual(['note realm.one']);
    made[0]!.withdrawing.resolve();
    await withdrawing;
    expect(membership).toEqual(['note realm.one', 'drop realm.one']);
    expect(channels).toEqual(['+channel realm.one', '-channel realm.one']);
  });

  it('brings a realm up to date that was being opened while the node was cut off and back (G2, G6)', async () => {
    const { realms, made } = scene();
    const serving = realms.serve(R);
    await settled();
    realms.cutOff();
    await realms.resync();
    made[0]!.entering.resolve();
    await serving;
    expect(made[0]!.requests).toEqual(['enter', 'cut off', 'resync reconnected']);
  });

  it('withdraws what an opening that failed half way may have written, before the realm is served again (G5)', async () => {
    const { realms, made, membership } = scene();
    const failed = expect(realms.serve(R)).rejects.toThrow(BackplaneUnavailableError);
    await settled();
    made[0]!.entering.reject();
    await failed;
    expect(realms.get(R)).toBeUndefined();
    expect(made[0]!.requests).toEqual(['enter', 'withdraw']);
    const again = realms.serve(R);
    await settled();
    expect(made[1]!.requests).toEqual([]);
    made[0]!.withdrawing.resolve();
    await settled();
    made[1]!.entering.resolve();
    await again;
    expect(membership).toEqual(['note realm.one', 'drop realm.one', 'note realm.one']);
  });

  it('refuses a realm at once that is on its way out while the node is cut off (G6)', async () => {
    const { realms, made } = scene();
    const serving = realms.serve(R);
    await settled();
    made[0]!.entering.resolve();
    await serving;
    realms.cutOff();
    const withdrawing = realms.withdraw(R);
    await expect(realms.serve(R)).rejects.toThrow(BackplaneUnavailableError);
    await realms.resync();
    made[0]!.withdrawing.resolve();
    await withdrawing;
    const again = realms.serve(R);
    await settled();
    made.at(-1)!.entering.resolve();
    await again;
    expect(realms.get(R)).toBe(made.at(-1)!.directory);
  });

  it('withdraws nothing when not even the note could be written', async () => {
    const { realms, made, noting } = scene();
    const noted = defer();
    noting.push(noted.promise);
    const failed = expect(realms.serve(R)).rejects.toThrow(BackplaneUnavailableError);
    await settled();
    noted.reject();
    await failed;
    expect(made[0]!.requests).toEqual(['stop']);
  });

  it('leaves a withdrawal alone that overtakes the opening', async () => {
    const { realms, made } = scene();
    const failed = expect(realms.serve(R)).rejects.toThrow(BackplaneUnavailableError);
    await settled();
    const withdrawing = realms.withdraw(R);
    made[0]!.entering.reject();
    await failed;
    expect(made[0]!.requests).toEqual(['enter', 'withdraw']);
    made[0]!.withdrawing.resolve();
    await withdrawing;
  });
});
