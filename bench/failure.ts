/** An error whose message the person at the terminal reads instead of a stack. */
export class BenchError extends Error {
  override readonly name = 'BenchError';
}
