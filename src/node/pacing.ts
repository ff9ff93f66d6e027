import type { Config } from '../config/schema.js';
import type { TurnMeter } from '../routing/turn-meter.js';
import { HandshakePacer } from '../session/handshake-pacer.js';
import { TurnScheduler, type TurnHooks } from '../session/turn-scheduler.js';
import type { Counters } from '../telemetry/counters.js';
import { countingKeyOf } from '../transport/opening/ip-address.js';
import { cpuMs, nowMs } from './clocks.js';

/** Interval of the check whether clients may be served again. */
const HELD_STEP_MS = 5;
/** Interval in which handshakes begin that wait for their turn. */
const HANDSHAKE_STEP_MS = 10;
/** Share of a turn in which handshakes begin. The rest is for the sessions that are there. */
const HANDSHAKE_SHARE = 1 / 2;

/** Divides the turns of the event loop of a node among its connections. */
export function createTurns(limits: Config['limits'], meter: TurnMeter, hooks: TurnHooks): TurnScheduler {
  return new TurnScheduler({
    meter,
    budgetMs: limits.turnBudgetMs,
    clock: { nowMs, cpuMs },
    loop: { atEndOfTurn: setImmediate, later: (action) => void setTimeout(action, HELD_STEP_MS).unref() },
    hooks,
  });
}

export function createHandshakePacer(
  limits: Config['limits'],
  counters: Counters,
  isHeld: () => boolean,
): HandshakePacer {
  return new HandshakePacer({
    limits,
    stepBudgetMs: limits.turnBudgetMs * HANDSHAKE_SHARE,
    nowMs,
    later: (action) => void setTimeout(action, HANDSHAKE_STEP_MS).unref(),
    isHeld,
    addressKeyOf: (address) => countingKeyOf(address, limits.ipv6PrefixBits),
    counters,
  });
}
