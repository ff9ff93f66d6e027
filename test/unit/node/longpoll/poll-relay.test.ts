import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Answers, UnansweredCause } from '../../../../src/backplane/backplane.js';
import { PollRelay } from '../../../../src/node/longpoll/poll-relay.js';
import { PollRelayAnswers } from '../../../../src/node/longpoll/poll-relay-answers.js';
import { createCounters } from '../../../../src/telemetry/counters.js';
import { ListenerGate } from '../../../../src/transport/listener-gate.js';
import { PollServer } from '../../../../src/transport/longpoll/poll-server.js';
import type { PollAnswer } from '../../../../src/transport/longpoll/poll-socket.js';
import { SharedTransport } from '../../../../src/transport/shared-transport.js';
import type { NodeId } from '../../../../src/wamp/ids.js';
import { recordingAccept, type RecordingListener } from '../../../support/listening.js';
import { RecordingLogger } from '../../../support/recording-logger.js';
import { TRANSPORT_DEFAULTS } from '../../../support/uws-scene.js';

const HOME = 'home' as NodeId;
const ASKER = 'asker' as NodeId;

/** One home and one other node. `fate`: what becomes of a question or its answer. */
function scene() {
  const counters = createCounters();
  const shared = new SharedTransport(TRANSPORT_DEFAULTS, counters, new RecordingLogger());
  const listeners: RecordingListener[] = [];
  const accept = recordingAccept(listeners);
  const server = new PollServer(accept, shared);
  const times = { receiveTimeoutMs: 8_000, sessionTimeoutMs: 30_000, maxReceiveBytes: 262_144 };
  const listener = server.listener(new ListenerGate({ name: 'listen' }, shared), times);
  const answers = new PollRelayAnswers(server, 2 * TRANSPORT_DEFAULTS.maxMessageBytes);
  const asked: string[] = [];
  const way = {
    /** Before the home has the question, or behind its answer. */
    lost: new Map<string, { readonly when: 'before' | 'behind'; readonly why: UnansweredCause }>(),
    isIsolated: false,
  };
  const askNode = async (node: NodeId, subject: string, body: unknown): Promise<Answers> => {
    asked.push(subject);
    const loss = way.lost.get(subject);
    const unanswered = (why: UnansweredCause): Answers => ({ answers: [], unanswered: [{ node, why }] });
    if (loss?.when === 'before') return unanswered(loss.why);
    const answer = answers.answer(ASKER, subject, body);
    if (answer === undefined) return unanswered('unsupported');
    const value = await answer;
    return loss === undefined ? { answers: [{ node, body: value }], unanswered: [] } : unanswered(loss.why);
  };
  const backplane = {
    askNode,
    get isIsolated() {
      return way.isIsolated;
    },
  };
  const far = new PollRelay({ backplane, receiveTimeoutMs: 8_000 }).homeOf(HOME);
  const client = {
    subprotocol: { name: 'wamp.2.json', serializer: 'json', isBatched: false } as const,
    remoteAddress: '192.0.2.1',
    addressKey: '192.0.2.1',
    certificate: undefined,
    cookie: undefined,
  };
  const opened = server.open(client, listener);
  if (opened.kind !== 'opened') throw new Error(opened.reason);
  const { secret } = opened;
  /** A poll at the other node. */
  const poll = () => {
    const self = {
      answer: undefined as PollAnswer | undefined,
      leave: (): void => undefined,
      text: () => (self.answer?.kind === 'messages' ? Buffer.from(self.answer.bytes).toString() : self.answer?.kind),
      settle: (delivery: 'written' | 'unwritten') => {
        if (self.answer?.kind === 'messages') self.answer.settle(delivery);
      },
    };
    self.leave = far.receive(secret, (answer) => (self.answer = answer));
    return self;
  };
  const write = async (text: string): Promise<void> => {
    listeners[0]!.connection.write(Buffer.from(text));
    shared.flush();
    await settled();
  };
  return { server, far, secret, poll, write, listener: listeners[0]!, way, asked, counters };
}

/** Everything that follows from what has happened, without time passing. */
async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('a poll at another node than that of its transport (LP-8)', () => {
  it('is answered there, in order', async () => {
    const { poll, write } = scene();
    await write('[1]');
    await write('[2]');
    const first = poll();
    await settled();
    expect(first.text()).toBe('[1]');
    first.settle('written');
    const second = poll();
    await settled();
    expect(second.text()).toBe('[2]');
  });

  it('waits until it is known that the messages before it were written (LP-4)', async () => {
    const { poll, write, server, secret } = scene();
    await write('[1]');
    await write('[2]');
    const first = poll();
    await settled();
    const atHome: PollAnswer[] = [];
    server.receive(secret, (answer) => atHome.push(answer));
    await settled();
    expect(atHome).toEqual([]);
    first.settle('unwritten');
    await settled();
    expect(atHome).toMatchObject([{ kind: 'messages', bytes: new Uint8Array(Buffer.from('[1]')) }]);
  });

  it('leaves no hole when its answer is lost on the way: the transport ends (LP-4)', async () => {
    const { poll, write, way, listener, counters } = scene();
    way.lost.set('longpoll.receive', { when: 'behind', why: 'timeout' });
    way.lost.set('longpoll.settle', { when: 'before', why: 'unreachable' });
    await write('[1]');
    const lost = poll();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(lost.text()).toBe('none');
    way.lost.clear();
    const next = poll();
    await vi.advanceTimersByTimeAsync(4_000);
    expect(next.text()).toBe('unknown');
    await settled();
    expect(listener.isClosed).toBe(true);
    expect(counters.connectionsClosed.peer).toBe(1);
  });

  it('gives back what its answer held when the other node can report that it was lost', async () => {
    const { poll, write, way } = scene();
    way.lost.set('longpoll.receive', { when: 'behind', why: 'timeout' });
    await write('[1]');
    poll();
    await settled();
    way.lost.clear();
    const next = poll();
    await settled();
    expect(next.text()).toBe('[1]');
  });

  it('goes with its client: a message waits for the next', async () => {
    const { poll, write } = scene();
    const left = poll();
    await settled();
    left.leave();
    await settled();
    await write('[1]');
    expect(left.answer).toBeUndefined();
    const next = poll();
    await settled();
    expect(next.text()).toBe('[1]');
  });

  it('gives back messages that come when its client has left', async () => {
    const { poll, write } = scene();
    await write('[1]');
    const left = poll();
    left.leave();
    await settled();
    expect(left.answer).toBeUndefined();
    const next = poll();
    await settled();
    expect(next.text()).toBe('[1]');
  });

  it.each([
    ['gone', false, 'unknown', 0],
    ['unsupported', false, 'unknown', 0],
    ['unreachable', false, 'none', 1_000],
    ['timeout', false, 'none', 1_000],
    ['failed', false, 'none', 1_000],
    ['unreachable', true, 'unknown', 1_000],
  ] as const)('whose home is %s, isolated: %s, gets "%s" after %i ms', async (why, isIsolated, kind, ms) => {
    const { poll, way } = scene();
    way.isIsolated = isIsolated;
    way.lost.set('longpoll.receive', { when: 'before', why });
    const one = poll();
    if (ms > 0) await vi.advanceTimersByTimeAsync(ms - 1);
    if (ms > 0) expect(one.answer).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(one.text()).toBe(kind);
  });

  it('with a secret of no transport gets that there is none', async () => {
    const { far } = scene();
    const answers: PollAnswer[] = [];
    far.receive('b'.repeat(24), (answer) => answers.push(answer));
    await settled();
    expect(answers).toEqual([{ kind: 'unknown' }]);
  });
});

describe('a message that arrives at another node', () => {
  it.each([0, 1, 61_440, 61_441, 500_000])('of %i bytes comes in one piece (LP-5)', async (length) => {
    const { far, secret, listener } = scene();
    const body = Buffer.alloc(length, 'x');
    expect(await far.send(secret, body)).toBe('taken');
    expect(listener.texts).toEqual([body.toString()]);
  });

  it('is sent on in parts only where its transport is known', async () => {
    const { far, asked } = scene();
    expect(await far.send('b'.repeat(24), Buffer.alloc(500_000))).toBe('unknown');
    expect(asked).toEqual(['longpoll.send']);
  });

  it('that is too long, or longer than any that is read, aborts the session', async () => {
    const { far, secret, listener } = scene();
    const length = TRANSPORT_DEFAULTS.maxMessageBytes + 1;
    expect(await far.send(secret, Buffer.alloc(length))).toBe('too_large');
    expect(listener.events[0]).toMatchObject({ kind: 'malformed', cause: 'limit' });
    const other = scene();
    other.far.overlong(other.secret);
    await settled();
    expect(other.listener.events[0]).toMatchObject({ kind: 'malformed', cause: 'limit' });
  });

  it('whose home does not answer is in doubt', async () => {
    const { far, secret, way } = scene();
    way.lost.set('longpoll.send', { when: 'behind', why: 'timeout' });
    expect(await far.send(secret, Buffer.from('[1]'))).toBe('unreachable');
    way.lost.set('longpoll.send', { when: 'before', why: 'gone' });
    expect(await far.send(secret, Buffer.from('[1]'))).toBe('unknown');
  });
});

it('a transport is closed from another node, also when it has just ended', async () => {
  const { far, secret, listener } = scene();
  expect([await far.close(secret), await far.close(secret)]).toEqual(['taken', 'taken']);
  expect(listener.isClosed).toBe(true);
  expect(await far.close('b'.repeat(24))).toBe('unknown');
});

describe('questions of a node that sends something else', () => {
  it.each([null, 1, 'text', [], [1], ['secret', 'text'], ['secret', 1.5, 0, true], { secret: 1 }])(
    '%j are answered, and change nothing',
    async (body) => {
      const server = scene().server;
      const answers = new PollRelayAnswers(server, 1_000);
      for (const subject of ['receive', 'settle', 'send', 'overlong', 'close'])
        await expect(answers.answer(ASKER, `longpoll.${subject}`, body)).resolves.toBeDefined();
      expect(answers.answer(ASKER, 'something else', body)).toBeUndefined();
      expect(server.connectionCount).toBe(1);
    },
  );

  it('parts of a body that do not fit together are refused, and no more than a body may have are kept', async () => {
    const { server, secret, listener } = scene();
    const answers = new PollRelayAnswers(server, 100);
    const part = (ticket: number, offset: number, isLast: boolean, length: number): Promise<unknown> | undefined =>
      answers.answer(ASKER, 'longpoll.send', [secret, ticket, offset, isLast, Buffer.alloc(length)]);
    expect(await part(1, 5, false, 5)).toBe('unreachable');
    expect(await part(2, 0, false, 5)).toBe('taken');
    expect(await part(2, 6, true, 5)).toBe('unreachable');
    expect(await part(3, 0, false, 90)).toBe('taken');
    expect(await part(3, 90, true, 11)).toBe('too_large');
    expect(listener.events).toEqual([]);
  });

  it('the parts of all bodies together are bounded in bytes, and what is refused makes room', async () => {
    const { server, secret } = scene();
    const most = 64 * 2 ** 20;
    const answers = new PollRelayAnswers(server, most);
    const part = (ticket: number, offset: number, length: number): Promise<unknown> | undefined =>
      answers.answer(ASKER, 'longpoll.send', [secret, ticket, offset, false, Buffer.alloc(length)]);
    expect(await part(1, 0, most - 10)).toBe('taken');
    expect(await part(2, 0, 10)).toBe('taken');
    expect(await part(2, 10, 1)).toBe('unreachable');
    expect(await part(3, 0, 11)).toBe('unreachable');
    expect(await part(4, 0, 10)).toBe('taken');
  });
});
