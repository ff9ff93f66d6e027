import type { Frame } from '../../src/routing/frames.js';
import type { CallRecord } from './journal.js';
import { contentOf } from './note.js';
import type { SimulatedNode } from './simulated-node.js';

/** What must hold as soon as a frame has come back: its call went elsewhere or has ended (G3, G6). */
export function judgeReturned({ id, journal }: SimulatedNode, frame: Frame, wasRerouted: boolean): void {
  if (frame.kind !== 'invoke' && frame.kind !== 'continue') return;
  const content = contentOf(frame.payload);
  const call = content !== undefined && 'call' in content ? journal.calls[content.call] : undefined;
  if (call !== undefined && call.end === undefined && call.client.isOpen && !wasRerouted)
    journal.violate('G3, G6', `call ${call.number} still waits at ${id} although its ${frame.kind} came back`);
}

/** What must hold as soon as other nodes are known to be out of reach: nobody waits for them (G6, DLR-11). */
export function judgeCutOff(node: SimulatedNode): void {
  const { id, journal } = node;
  for (const call of journal.calls) {
    const last = call.invocations.at(-1);
    if (last === undefined || last.answer !== undefined) continue;
    const [caller, callee] = [call.client, last.client];
    if (caller.node === callee.node) continue;
    if (caller.node === node && caller.isOpen && call.end === undefined)
      journal.violate('G6', `call ${call.number} still waits for ${callee.name} although ${id} is cut off`);
    const mustStop = callee.node === node && callee.isOpen && callee.canBeInterrupted && !isLeftAlone(call);
    if (mustStop && !last.isInterrupted)
      journal.violate('G6, DLR-11', `${callee.name} still works on call ${call.number} although ${id} is cut off`);
  }
}

/** `skip` leaves the callee working on purpose. */
function isLeftAlone({ cancelMode }: CallRecord): boolean {
  return cancelMode === 'skip';
}
