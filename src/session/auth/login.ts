/** One login that a cookie stands for: all sessions that have joined by it belong to it. */
export interface Login {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}
