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
  | 'send never'
  | 'send later'
  | 'send now';
type Fate = 'received' | 'missed' | 'lost' | 'received, unknown';

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
  'send never',
  'send later',
  'send later',
  'send now',
  'send now',
);
const fate = fc.constantFrom<Fate[]>('received', 'received', 'received', 'missed', 'lost', 'received, unknown');

const POLICIES = { 'send never': 'never', 'send later': 'later', 'send now': 'now' } as const;

/** The messages to B, in order, and the fate of each. */
class Record {
  readonly sent: string[] = [];
  readonly refused = new Set<string>();
  readonly accepted = new Set<string>();

  follow(name: string, promise: Promise<void>): void {
    this.sent.push(name);
    promise.then(
      () => this.accepted.add(name),
      () => this.refused.add(name),
    );
  }
}

function emit(kind: Step, name: string, number: number, sender: LanesUnderTest, record: Record): void {
  if (kind === 'send') {
    record.sent.push(name);
    if (!sender.lanes.send(B, name, cancelOf(number))) record.refused.add(name);
  } else {
    const nodes = kind === 'publish' ? [B] : [C, B];
    record.follow(name, sender.lanes.publish(nodes, name, publicationOf()));
  }
}

async function meet(sent: readonly Sent[], fates: Iterator<Fate>, receiver: LanesUnderTest): Promise<void> {
  for (const { channel, bytes, receipt, fail } of sent) {
    const next = fates.next();
    const value = next.done === true ? 'received' : next.value;
    if (value.startsWith('received') && channel.endsWith(B)) receiver.lanes.receive(bytes);
    if (value === 'received') receipt(1);
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
            else if (kind in POLICIES) sender.sendPolicy = POLICIES[kind as keyof typeof POLICIES];
            else emit(kind, `sent.${number}`, number, sender, record);
          }
          sender.lanes.cutOff(false);
          sender.sendPolicy = 'now';
          await meet(sender.endTurn(), fates, receiver);
          sender.lanes.heartbeat();
          await meet(sender.takeSent(), [][Symbol.iterator](), receiver);

          const events = receiver.events.map((text) => (text.endsWith(' gap') ? 'gap' : text.split(' ')[1]!));
          const items = events.filter((what) => what !== 'gap');
          expect(items).toEqual(record.sent.filter((name) => items.includes(name)));
          for (const { realm } of sender.returned) expect(items).not.toContain(realm);
          for (const name of record.accepted) expect(items).toContain(name);
          const lostBefore = (name: string): boolean => !items.includes(name);
          for (const [at, name] of record.sent.entries()) {
            if (!lostBefore(name)) continue;
            const next = record.sent.slice(at).find((other) => items.includes(other));
            const until = next === undefined ? events.length : events.indexOf(next);
            const before = record.sent.slice(0, at).findLast((other) => items.includes(other));
            const since = before === undefined ? 0 : events.indexOf(before) + 1;
            expect(events.slice(since, until), `a gap where ${name} is missing`).toContain('gap');
          }
          if (items.length === record.sent.length && sender.counters.receiptsMissed.all === 0) {
            expect(events).toEqual(items);
          }
          expect(sender.lanes.stats.unacknowledgedBytes).toBe(0);
        },
      ),
      { numRuns: 400 },
    );
  });
});
