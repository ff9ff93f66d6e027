import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PollSocket, type PollAnswer, type PollSocketOptions } from '../../../../src/transport/longpoll/poll-socket.js';

const OPTIONS: PollSocketOptions = {
  serializer: 'json',
  isBatched: false,
  receiveTimeoutMs: 8_000,
  sessionTimeoutMs: 30_000,
  maxReceiveBytes: 10,
};

function scene(options: Partial<PollSocketOptions> = {}) {
  const socket = new PollSocket({ ...OPTIONS, ...options });
  const received: string[] = [];
  socket.owner = {
    drained: () => received.push('drained'),
    lost: (why) => received.push(why),
    ended: () => received.push('ended'),
  };
  const send = (...texts: string[]): number[] => texts.map((text) => socket.send(Buffer.from(text)));
  /** One poll: its answer, once it is there. */
  const poll = () => {
    const self = {
      answer: undefined as PollAnswer | undefined,
      leave: (): void => undefined,
      text: () => (self.answer?.kind === 'messages' ? Buffer.from(self.answer.bytes).toString() : self.answer?.kind),
      settle: (delivery: 'written' | 'unwritten' | 'doubt') => {
        if (self.answer?.kind === 'messages') self.answer.settle(delivery);
      },
    };
    self.leave = socket.receive((answer) => (self.answer = answer));
    return self;
  };
  return { socket, received, send, poll };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('a poll socket', () => {
  it('answers a poll with one message, and the next with the next', () => {
    const { send, poll, socket, received } = scene();
    expect(send('one', 'two')).toEqual([0, 0]);
    const first = poll();
    expect(first.text()).toBe('one');
    const second = poll();
    expect(second.text()).toBeUndefined();
    first.settle('written');
    expect(second.text()).toBe('two');
    second.settle('written');
    expect(socket.getBufferedAmount()).toBe(0);
    expect(received).toEqual(['drained', 'drained']);
  });

  it('answers a poll that waits as soon as there is a message', () => {
    const { send, poll } = scene();
    const waiting = poll();
    expect(waiting.answer).toBeUndefined();
    send('late');
    expect(waiting.text()).toBe('late');
  });

  it('puts batches together up to the bound, and passes on a longer one alone', () => {
    const { socket, send, poll } = scene({ isBatched: true });
    socket.cork(() => send('1234', '5678', 'abcd', 'x'.repeat(20), 'y'));
    const texts = ['12345678', 'abcd', 'x'.repeat(20), 'y'];
    for (const text of texts) {
      const one = poll();
      expect(one.text()).toBe(text);
      one.settle('written');
    }
  });

  it('keeps copies: the memory of a message may be used again', () => {
    const { socket, poll } = scene();
    const message = Buffer.from('kept');
    socket.send(message);
    message.fill('x');
    expect(poll().text()).toBe('kept');
  });

  it('takes back what was not written, ahead of later messages (LP-4)', () => {
    const { send, poll } = scene();
    send('one', 'two');
    const lost = poll();
    const next = poll();
    lost.settle('unwritten');
    expect(next.text()).toBe('one');
    next.settle('written');
    next.settle('unwritten');
    expect(poll().text()).toBe('two');
  });

  it('is lost when nobody knows whether an answer was written', () => {
    const { send, poll, received } = scene();
    send('one');
    poll().settle('doubt');
    expect(received).toEqual(['doubt']);
  });

  it('answers the earlier of two polls without messages (LP-4)', () => {
    const { poll, send } = scene();
    const [earlier, later] = [poll(), poll()];
    expect(earlier.text()).toBe('none');
    send('one');
    expect(later.text()).toBe('one');
  });

  it('gives no message to a poll whose client has left', () => {
    const { poll, send } = scene();
    const left = poll();
    left.leave();
    send('one');
    expect(left.answer).toBeUndefined();
    expect(poll().text()).toBe('one');
  });

  it('ends a poll in time, and is lost when no other comes (LP-2, LP-3)', () => {
    const { poll, received } = scene();
    const waiting = poll();
    vi.advanceTimersByTime(7_999);
    expect(waiting.answer).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(waiting.text()).toBe('none');
    vi.advanceTimersByTime(29_999);
    expect(received).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(received).toEqual(['idle']);
  });

  it('is lost when no poll ever comes, and when the client of the last one leaves (LP-3)', () => {
    const never = scene();
    vi.advanceTimersByTime(30_000);
    expect(never.received).toEqual(['idle']);
    const gone = scene();
    gone.poll().leave();
    vi.advanceTimersByTime(30_000);
    expect(gone.received).toEqual(['idle']);
  });

  it('answers the poll that waits when it ends, once and last, and takes nothing more (LP-9)', () => {
    const { socket, send, poll, received } = scene();
    const waiting = poll();
    socket.end();
    socket.close();
    expect(waiting.text()).toBe('unknown');
    expect(received).toEqual(['ended']);
    expect(send('late')).toEqual([1]);
    expect(socket.getBufferedAmount()).toBe(0);
    vi.advanceTimersByTime(60_000);
    expect(received).toEqual(['ended']);
  });
});
