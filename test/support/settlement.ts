export interface Settlement {
  state: 'pending' | 'resolved' | 'rejected';
}

/** The state of a promise, kept up to date; a value that is no promise resolves in the next microtask. */
export function settlementOf(promise: unknown): Settlement {
  const settlement: Settlement = { state: 'pending' };
  Promise.resolve(promise).then(
    () => (settlement.state = 'resolved'),
    () => (settlement.state = 'rejected'),
  );
  return settlement;
}
