import type { Script } from '../../../../../src/backplane/redis/ports.js';
import { describeRealmScripts } from '../../../../contract/backplane/redis/describe-realm-scripts.js';
import { describeSessionScripts } from '../../../../contract/backplane/redis/describe-session-scripts.js';
import { RealmTwin } from '../../../../support/realm-twin.js';

function makeScene() {
  const said: string[] = [];
  const twin = new RealmTwin((_channel, text) => said.push(text));
  return Promise.resolve({
    store: {
      run: <Input, Reply>(script: Script<Input, Reply>, input: Input) => {
        const { keys, argv } = script.encode(input);
        return Promise.resolve(script.decode(twin.eval(script.file, keys, argv)));
      },
    },
    prefix: 'twin',
    command: (name: string, key: string, ...words: readonly (string | number)[]) =>
      Promise.resolve(twin.command(name, key, ...words)),
    messages: () => Promise.resolve(said),
  });
}

describeRealmScripts('the twin of the tests', makeScene);
describeSessionScripts('the twin of the tests', makeScene);
