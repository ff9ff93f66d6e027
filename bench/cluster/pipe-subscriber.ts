import { Redis } from 'ioredis';
import { lengthBytes } from './pipe-batch.js';
import type { PipeRole } from './pipe-job.js';

export async function openSubscriber(url: string, channel: string): Promise<PipeRole> {
  // A subscriber that Redis drops has lost events: the run must fail, so it does not reconnect.
  const redis = new Redis(url, { retryStrategy: () => null });
  let total = 0;
  const take = (event: Buffer): void => {
    if (event.length > 0) total += 1;
  };
  redis.on('messageBuffer', (_: Buffer, batch: Buffer) => unpack(batch, take));
  await redis.subscribe(channel);
  return { port: 0, answer: () => Promise.resolve({ total }) };
}

function unpack(batch: Buffer, handle: (event: Buffer) => void): void {
  for (let at = 0; at < batch.length;) {
    const end = at + lengthBytes + batch.readUInt32BE(at);
    handle(batch.subarray(at + lengthBytes, end));
    at = end;
  }
}
