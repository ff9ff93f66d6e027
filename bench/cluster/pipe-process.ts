import { openDriver } from './pipe-driver.js';
import type { FromPipe, PipeRole, ToPipe } from './pipe-job.js';
import { openPublisher } from './pipe-publisher.js';
import { openSubscriber } from './pipe-subscriber.js';

/**
 * One process of the pipe: events of the same size in batches of the same size over the same Redis, without WAMP. Events are
 * packed and unpacked one by one, as every sender of batches must do: a length, then the bytes.
 */
const [name, url = '', channel = '', port = '0'] = process.argv.slice(2);

// The runner is gone.
process.on('disconnect', () => process.exit(0));

const role = await open();
process.on('message', (question: ToPipe) => {
  role.answer(question).then(send, (error: unknown) => send({ error: String(error) }));
});
send({ port: role.port });

function open(): Promise<PipeRole> {
  if (name === 'publisher') return openPublisher(url, channel);
  return name === 'subscriber' ? openSubscriber(url, channel) : openDriver(Number(port));
}

function send(message: FromPipe): void {
  process.send?.(message);
}
