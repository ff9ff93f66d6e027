/** Runs a step of the state that nodes share. Rejects when the node cannot reach that state, and when the step throws. */
export type SharedStep = <Result>(step: () => Result) => Promise<Result>;

/** `refusal`: why the node cannot reach the shared state now, if so. */
export function sharedStepUnless(refusal: () => Error | undefined): SharedStep {
  // eslint-disable-next-line @typescript-eslint/require-await -- what a step throws becomes a rejection
  return async (step) => {
    const error = refusal();
    if (error !== undefined) throw error;
    return step();
  };
}
