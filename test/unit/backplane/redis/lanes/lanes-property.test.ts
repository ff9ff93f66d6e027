import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { B, C, publicationOf } from '../../../../support/lane-items.js';
import { cancelOf, type LanesUnderTest, pair, type Sent, settled } from '../../../../support/lanes-under-test.js';

type Step =
  | 'publish'
  | 'publish to both'
  | 'send'
  | 'end turn'
  | 'heartbeat'
  | 'cut off'
  | 'back'
  | 'silence'
  | 'doubt'
  | 'speech';
type Fate = 'heard' | 'missed' | 'lost' | 'heard, unknown';

const step = fc.constantFrom<Step[]>(
  'publish',
  'publish',
  'publish to both',
  'send',
  'send',
  'end turn',
  'end turn',
  'heartbeat',
  'cut off',
  'back',
  'back',
  'silence',
  'doubt',
  'doubt',
  'speech',
  'speech',
);
const fate = fc.constantFrom<Fate[]>('heard', 'heard', 'heard', 'missed', 'lost', 'heard, unknown');

const SPEECH = { silence: 'never', doubt: 'later', sendPolicy: 'now' } as const;

/** The messages to B, in order, and the fate of each. */
class Record {
  readonly said: string[] = [];
  readonly refused = new Set<string>();
  readonly accepted = new Set<string>();

  follow(name: string, promise: Promise<void>): void {
    this.said.push(name);
    promise.then(
      () => this.accepted.add(name),
      () => this.refused.add(name),
    );
  }
}

function say(kind: Step, name: string, number: number, sender: LanesUnderTest, record: Record): void {
  if (kind === 'send') {
    record.said.push(name);
    if (!sender.lanes.send(B, name, cancelOf(number))) record.refused.add(name);
  } else {
    const nodes = kind === 'publish' ? [B] : [C, B];
    record.follow(name, sender.lanes.publish(nodes, name, publicationOf()));
  }
}

async function meet(sent: readonly Sent[], fates: Iterator<Fate>, receiver: LanesUnderTest): Promise<void> {
  for (const { channel, bytes, receipt, fail } of sent) {
    const next = fates.next();
    const value = next.done === true ? 'heard' : next.value;
    if (value.startsWith('heard') && channel.endsWith(B)) receiver.lanes.receive(bytes);
    if (value === 'heard') receipt(1);
    else if (value === 'missed') receipt(0);
    else fail();
    await settled();
  }
}

describe('lanes through any trouble', () => {
  it('bring everything at most once and in order, show each loss as a gap, and give back only what was not received (G3, G4)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.array(fate, { maxLength: 20 }),
        async (steps, fatesGiven) => {
          const { sender, receiver } = pair({ maxItemsPerBatch: 3, maxUnacknowledgedBytes: 700 });
          const record = new Record();
          const fates = fatesGiven[Symbol.iterator]();
          for (const [number, kind] of steps.entries()) {
            if (kind === 'end turn') await meet(sender.endTurn(), fates, receiver);
            else if (kind === 'heartbeat') {
              sender.lanes.heartbeat();
              await meet(sender.takeSent(), fates, receiver);
            } else if (kind === 'cut off' || kind === 'back') sender.lanes.cutOff(kind === 'cut off');
            else if (kind in SPEECH) sender.sendPolicy = SPEECH[kind as keyof typeof SPEECH];
            else say(kind, `said.${number}`, number, sender, record);
          }
          sender.lanes.cutOff(false);
          sender.sendPolicy = 'now';
          await meet(sender.endTurn(), fates, receiver);
          sender.lanes.heartbeat();
          await meet(sender.takeSent(), [][Symbol.iterator](), receiver);

          const heard = receiver.heard.map((text) => (text.endsWith(' gap') ? 'gap' : text.split(' ')[1]!));
          const items = heard.filter((what) => what !== 'gap');
          expect(items).toEqual(record.said.filter((name) => items.includes(name)));
          for (const { realm } of sender.returned) expect(items).not.toContain(realm);
          for (const name of record.accepted) expect(items).toContain(name);
          const lostBefore = (name: string): boolean => !items.includes(name);
          for (const [at, name] of record.said.entries()) {
            if (!lostBefore(name)) continue;
            const next = record.said.slice(at).find((other) => items.includes(other));
            const until = next === undefined ? heard.length : heard.indexOf(next);
            const before = record.said.slice(0, at).findLast((other) => items.includes(other));
            const since = before === undefined ? 0 : heard.indexOf(before) + 1;
            expect(heard.slice(since, until), `a gap where ${name} is missing`).toContain('gap');
          }
          if (items.length === record.said.length && sender.counters.receiptsMissed.all === 0) {
            expect(heard).toEqual(items);
          }
          expect(sender.lanes.stats.unacknowledgedBytes).toBe(0);
        },
      ),
      { numRuns: 400 },
    );
  });
});
