import type { NodeId } from '../../../wamp/ids.js';
import type { SessionsKeys } from '../keys.js';
import type { Script } from '../ports.js';

export interface SessionsStep {
  readonly keys: SessionsKeys;
  readonly node: NodeId;
}

export interface JoinSessions extends SessionsStep {
  /** Ids that this node has already are granted again. */
  readonly isAgain: boolean;
  readonly sessions: readonly (readonly [session: number, row: string])[];
}

/** Whether each was entered; false: its id is taken. */
export const joinSessions: Script<JoinSessions, readonly boolean[]> = {
  file: 'join_sessions.lua',
  encode: ({ isAgain, sessions, ...step }) => ({
    keys: keysOf(step),
    argv: [step.node, isAgain ? 'rejoin' : 'join', ...sessions.flat()],
  }),
  decode: (raw) => {
    if (!Array.isArray(raw)) throw unexpected('join_sessions.lua', raw);
    return (raw as unknown[]).map((entered) => {
      if (entered !== 0 && entered !== 1) throw unexpected('join_sessions.lua', entered);
      return entered === 1;
    });
  },
};

export interface LeaveSessions extends SessionsStep {
  readonly sessions: readonly number[];
}

/** How many left. */
export const leaveSessions: Script<LeaveSessions, number> = {
  file: 'leave_sessions.lua',
  encode: ({ sessions, ...step }) => ({ keys: keysOf(step), argv: [step.node, ...sessions] }),
  decode: (raw) => countOf(raw, 'leave_sessions.lua'),
};

export interface ForgetSessions extends SessionsStep {
  readonly limitCount: number;
}

/** How many the node has left. */
export const forgetSessions: Script<ForgetSessions, number> = {
  file: 'forget_sessions.lua',
  encode: ({ limitCount, ...step }) => ({ keys: keysOf(step), argv: [step.node, limitCount] }),
  decode: (raw) => countOf(raw, 'forget_sessions.lua'),
};

function keysOf({ keys, node }: SessionsStep): string[] {
  return [keys.ids, keys.of(node)];
}

function countOf(raw: unknown, file: string): number {
  if (typeof raw !== 'number' || !Number.isSafeInteger(raw) || raw < 0) throw unexpected(file, raw);
  return raw;
}

function unexpected(file: string, raw: unknown): TypeError {
  return new TypeError(`${file} replied ${typeof raw}`);
}
