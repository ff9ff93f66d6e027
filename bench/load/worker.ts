import { Acknowledged } from './acknowledged.js';
import type { Activity } from './activity.js';
import { Attackers } from './attackers.js';
import { attackOf } from './attacks.js';
import { Fanout } from './fanout.js';
import { Guessers } from './guessers.js';
import { Crowd } from './crowd.js';
import { Churn, Idle, Subscriptions } from './held-sessions.js';
import { Innocents } from './innocents.js';
import { Joins } from './joins.js';
import type { Endpoint } from './endpoint.js';
import type { AttackJob, Command, FromWorker, Job, Outcome, ToWorker } from './job.js';
import { Meter } from './meter.js';
import { Progressive } from './progressive.js';
import { Rpc } from './rpc.js';

/** A load process: does what the runner says over the IPC channel, one command at a time. */
let activity: Activity | null = null;

process.on('message', (message: ToWorker) => {
  if ('progress' in message) {
    activity?.remoteProgress(message.progress.remote, message.progress.received);
    return;
  }
  if ('finish' in message) {
    activity?.finish?.();
    return;
  }
  const { id, command } = message;
  perform(command).then(
    (outcome) => send({ id, outcome }),
    (error: unknown) => send({ id, error: error instanceof Error ? error.message : String(error) }),
  );
});

// The runner is gone.
process.on('disconnect', () => process.exit(0));

async function perform(command: Command): Promise<Outcome | null> {
  switch (command.command) {
    case 'open':
      activity = activityOf(command.endpoint, command.job);
      await activity.open();
      return null;
    case 'run':
      return current().run(command.plan);
    case 'verify':
      await current().verify(command.sent);
      return null;
    case 'close':
      await activity?.close();
      activity = null;
      return null;
  }
}

function current(): Activity {
  if (activity === null) throw new Error('no job is open');
  return activity;
}

function activityOf(endpoint: Endpoint, job: Job): Activity {
  switch (job.kind) {
    case 'fanout':
      return new Fanout(endpoint, job, new Meter(endpoint), (received) => send({ progress: { received } }));
    case 'acknowledged':
      return new Acknowledged(endpoint, job, new Meter(endpoint));
    case 'rpc':
      return new Rpc(endpoint, job, new Meter(endpoint));
    case 'progressive':
      return new Progressive(endpoint, job, new Meter(endpoint));
    case 'idle':
      return new Idle(endpoint, job);
    case 'crowd':
      return new Crowd(endpoint, job);
    case 'subscriptions':
      return new Subscriptions(endpoint, job);
    case 'churn':
      return new Churn(endpoint, job);
    case 'joins':
      return new Joins(endpoint, job, new Meter(endpoint));
    case 'innocents':
      return new Innocents(endpoint, job);
    case 'attack':
      return attackersOf(endpoint, job);
  }
}

function attackersOf(endpoint: Endpoint, job: AttackJob): Activity {
  const attack = attackOf(job.attack, job.share);
  return 'logins' in attack ? new Guessers(endpoint, attack) : new Attackers(endpoint, attack);
}

function send(message: FromWorker): void {
  process.send?.(message);
}
