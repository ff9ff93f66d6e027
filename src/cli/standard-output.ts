import type { Output } from './client/context.js';

/** Above this the reader is far behind. */
const MAX_BACKLOG_BYTES = 1_048_576;

/** Events after which nothing waits, or nobody reads any more. */
const ENDS = ['drain', 'close', 'error'];

export function patientOutput(stream: NodeJS.WriteStream): Output {
  return {
    isTerminal: stream.isTTY,
    print: (text) => stream.write(text),
    isFull: () => stream.writableLength > MAX_BACKLOG_BYTES,
    drained: () =>
      new Promise((resolve) => {
        const done = (): void => {
          for (const event of ENDS) stream.off(event, done);
          resolve();
        };
        for (const event of ENDS) stream.on(event, done);
      }),
  };
}
