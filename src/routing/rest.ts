/** Delivers the next part of a publication. False: nothing is left. */
export type Rest = () => boolean;

/** Delivers what is left in one step. */
export function deliverRest(rest: Rest | undefined): void {
  while (rest?.() === true);
}
