/** A promise that is known not to be kept yet. What it explains is shown, and fails nothing. */
export interface Known {
  /** What is to be done about it. */
  readonly what: string;
  readonly violation: RegExp;
}

export const KNOWN: readonly Known[] = [];

export function isKnown(violation: string): boolean {
  return KNOWN.some((known) => known.violation.test(violation));
}
