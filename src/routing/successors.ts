import type { Callee, Registration } from './ports.js';

export const NOBODY: readonly Callee[] = Object.freeze([]);

/** Those that hold the registration, and those that are about to. */
export function allCallees({ callees, successors }: Registration): readonly Callee[] {
  return successors === undefined ? callees : [...callees, ...successors];
}

/**
 * The registration without those for which it `leaves`. When nobody is left whom the others would have replaced, the first
 * of these has it. Undefined: nobody leaves. O(callees).
 */
export function withoutCallees(
  registration: Registration,
  leaves: (callee: Callee) => boolean,
): Registration | undefined {
  const stays = (callee: Callee): boolean => !leaves(callee);
  const callees = registration.callees.filter(stays);
  const successors = registration.successors?.filter(stays) ?? NOBODY;
  const leftCount = registration.callees.length - callees.length;
  if (leftCount === 0 && successors.length === (registration.successors ?? NOBODY).length) return undefined;
  const heir = callees.length === 0 ? successors.at(-1) : undefined;
  return heir === undefined
    ? withSuccessors({ ...registration, callees }, successors)
    : withSuccessors({ ...registration, callees: [heir] }, successors.slice(0, -1));
}

/** The registration with these, which may be nobody. */
export function withSuccessors(registration: Registration, successors: readonly Callee[]): Registration {
  const { id, procedure, match, invoke, callees } = registration;
  const plain = { id, procedure, match, invoke, callees };
  return successors.length === 0 ? plain : { ...plain, successors };
}
