/** Exit codes of the process. BUG is the "internal software error" of sysexits, INTERRUPTED that of shells for SIGINT. */
export const ExitCode = { DONE: 0, FAILED: 1, USAGE: 2, NOT_CONNECTED: 3, BUG: 70, INTERRUPTED: 130 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
