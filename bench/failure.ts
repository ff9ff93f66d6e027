/** What the person at the terminal is to read instead of a stack. */
export class BenchError extends Error {
  override readonly name = 'BenchError';
}
