/** Exit codes of the process; the last is sysexits' "internal software error". */
export const ExitCode = { DONE: 0, FAILED: 1, USAGE: 2, BUG: 70 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
