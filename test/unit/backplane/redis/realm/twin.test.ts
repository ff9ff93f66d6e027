import type { Script } from '../../../../../src/backplane/redis/ports.js';
import { describeRealmScripts } from '../../../../contract/backplane/redis/describe-realm-scripts.js';
import { describeSessionScripts } from '../../../../contract/backplane/redis/describe-session-scripts.js';
import { RealmTwin } from '../../../../support/realm-twin.js';

async function* inOnePart<T>(all: readonly T[]): AsyncGenerator<readonly T[]> {
  yield await Promise.resolve(all);
}

function makeScene() {
  const published: Uint8Array[] = [];
  const twin = new RealmTwin((_channel, message) => published.push(message));
  return Promise.resolve({
    store: {
      run: <Input, Reply>(script: Script<Input, Reply>, input: Input) => {
        const { keys, argv } = script.encode(input);
        return Promise.resolve(script.decode(twin.eval(script.file, keys, argv)));
      },
      scanSet: (key: string) => inOnePart(twin.members(key)),
      scanHash: (key: string) => inOnePart(twin.fields(key)),
    },
    prefix: 'twin',
    command: (name: string, key: string, ...words: readonly (string | number)[]) =>
      Promise.resolve(twin.command(name, key, ...words)),
    bytes: (key: string, field: string) => Promise.resolve(new Map(twin.fields(key)).get(field) ?? null),
    messages: () => Promise.resolve(published),
  });
}

describeRealmScripts('the twin of the tests', makeScene);
describeSessionScripts('the twin of the tests', makeScene);
