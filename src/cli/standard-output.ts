import type { Output } from './client/context.js';

/** Above this the reader is far behind. */
const MAX_BACKLOG_BYTES = 1_048_576;

export function patientOutput(stream: NodeJS.WriteStream): Output {
  return {
    isTerminal: stream.isTTY,
    print: (text) => stream.write(text),
    isFull: () => stream.writableLength > MAX_BACKLOG_BYTES,
    drained: () =>
      new Promise((resolve) => {
        stream.once('drain', resolve);
        stream.once('close', resolve);
        stream.once('error', resolve);
      }),
  };
}
