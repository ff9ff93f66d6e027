import { once } from 'node:events';
import { connect } from 'node:net';
import type { PipeRole } from './pipe-job.js';

/** Says when a batch is to leave, as clients do who publish: a byte for each, from another core, at even intervals. */
export async function openDriver(port: number): Promise<PipeRole> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  let total = 0;
  let perSecond = 0;
  const drive = async (): Promise<void> => {
    const startMs = performance.now();
    for (let sent = 0; perSecond > 0;) {
      const due = Math.floor(((performance.now() - startMs) * perSecond) / 1000) - sent;
      if (due > 0) socket.write(Buffer.alloc(due, 1));
      sent += due;
      total += due;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return {
    port: 0,
    answer: (question) => {
      perSecond = question.ask === 'drive' ? question.perSecond : 0;
      if (perSecond > 0) void drive();
      return Promise.resolve({ total });
    },
  };
}
