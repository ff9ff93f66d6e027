/** A watch or claim that waits for other nodes. */
export interface PendingWait {
  readonly isSettled: boolean;
  /** On the clock of the waits. */
  readonly deadlineMs: number;
  /** All nodes have confirmed, or none is left to. */
  open(): void;
  fail(cause: Error): void;
}
