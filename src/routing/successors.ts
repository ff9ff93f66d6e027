import type { Callee, Registration } from './ports.js';

export const NOBODY: readonly Callee[] = Object.freeze([]);

/** The callees that hold the registration, and those that are about to. */
export function allCallees({ callees, successors }: Registration): readonly Callee[] {
  return successors === undefined ? callees : [...callees, ...successors];
}

/**
 * The registration without the callees for which `leaves` is true. When no current callee is left, the earliest
 * successor becomes one. Undefined: no callee leaves. O(callees).
 */
export function withoutCallees(
  registration: Registration,
  leaves: (callee: Callee) => boolean,
): Registration | undefined {
  if (!registration.callees.some(leaves) && registration.successors?.some(leaves) !== true) return undefined;
  const stays = (callee: Callee): boolean => !leaves(callee);
  const callees = registration.callees.filter(stays);
  const successors = registration.successors?.filter(stays) ?? NOBODY;
  const next = callees.length === 0 ? successors.at(-1) : undefined;
  return next === undefined
    ? withSuccessors({ ...registration, callees }, successors)
    : withSuccessors({ ...registration, callees: [next] }, successors.slice(0, -1));
}

/** The registration with these successors, of which there may be none. */
export function withSuccessors(registration: Registration, successors: readonly Callee[]): Registration {
  const { id, procedure, match, invoke, createdMs, callees } = registration;
  const plain = { id, procedure, match, invoke, createdMs, callees };
  return successors.length === 0 ? plain : { ...plain, successors };
}
