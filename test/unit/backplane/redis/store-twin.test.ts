import type { Script } from '../../../../src/backplane/redis/ports.js';
import { describeNodeScripts } from '../../../contract/backplane/redis/describe-node-scripts.js';
import { StoreTwin } from '../../../support/store-twin.js';

describeNodeScripts('the twin of the tests', () => {
  const published: Uint8Array[] = [];
  const listened = new Set<string>();
  const twin = new StoreTwin(
    () => 1_700_000_000_000,
    (_channel, message) => published.push(message),
    (channel) => (listened.has(channel) ? 1 : 0),
  );
  return Promise.resolve({
    store: {
      run: <Input, Reply>(script: Script<Input, Reply>, input: Input) => {
        const { keys, argv } = script.encode(input);
        return Promise.resolve(script.decode(twin.eval(script.file, keys, argv)));
      },
    },
    prefix: 'twin',
    command: (name, key, ...words) => Promise.resolve(twin.command(name, key, ...words)),
    listen: (channel, isListening) => {
      if (isListening) listened.add(channel);
      else listened.delete(channel);
      return Promise.resolve();
    },
    messages: () => Promise.resolve(published),
  });
});
