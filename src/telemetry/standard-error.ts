import type { LogLineFate } from './counters.js';
import { openLinePort } from './line-port.js';
import { LineWriter } from './line-writer.js';

/** The standard error of the process, for log lines and for what a command complains about, in one order. */
export interface StandardError {
  /** Never waits, never throws. Ends with a newline. */
  write(text: string): void;
  /** To be awaited before an exit, for a short time at the most: the last lines of a file then keep their order. */
  settled(): Promise<void>;
  /** Bytes that may wait. */
  maxUnwrittenBytes: number;
  /** The fate of the lines from now on. */
  onFate: (fate: LogLineFate, lineCount: number) => void;
  /** All waiting lines have been written, but `dropped` lines were not. */
  onRecovered: (dropped: number) => void;
}

export const DEFAULT_MAX_UNWRITTEN_BYTES = 1_048_576;

export const STANDARD_ERROR = 2;
/** Bound on how long a stalled reader delays the end of the process. */
const LAST_FLUSH_MS = 500;

let opened: StandardError | undefined;

/** Opens with the first call. At the end of the process it writes the lines that wait, for half a second at most. */
export function standardError(): StandardError {
  opened ??= open();
  return opened;
}

function open(): StandardError {
  const writer = new LineWriter({
    port: openLinePort(STANDARD_ERROR),
    maxUnwrittenBytes: () => shared.maxUnwrittenBytes,
    count: (fate, lineCount) => shared.onFate(fate, lineCount),
    recovered: (dropped) => shared.onRecovered(dropped),
  });
  const shared: StandardError = {
    write: (text) => writer.write(text),
    settled: () => writer.settled(),
    maxUnwrittenBytes: DEFAULT_MAX_UNWRITTEN_BYTES,
    onFate: () => undefined,
    onRecovered: () => undefined,
  };
  process.on('exit', () => writer.flush(LAST_FLUSH_MS));
  return shared;
}
