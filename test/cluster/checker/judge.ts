import { judgeCalls } from './judge-calls.js';
import { judgeEvents } from './judge-events.js';
import { judgeHoldings } from './judge-holdings.js';
import type { Journal, SessionRecord } from './journal.js';

/** The reports of the routers themselves about losses: their metrics and logs. */
export interface Evidence {
  /** How much later than on a quiet machine things may have happened about that time; 0 on a quiet machine. */
  latenessMs(fromMs: number, toMs: number): number;
  /** When `at` reported that a message of `from` was lost. */
  gapsMs(at: string, from: string): readonly number[];
  /** Publications that the node has counted as not accepted for another node. */
  refusedCount(node: string): number;
  /** Calls that the node gave to another callee. */
  reroutedCount(node: string): number;
  /** When the node began to drain; Infinity: it did not. */
  drainsFromMs(node: string): number;
}

/** What needs these nodes, or any other node, may fail by name in this time. */
export interface Trouble {
  /** Absent: all nodes. */
  readonly nodes?: readonly string[];
  /** They may be declared dead by it, or are. */
  readonly isMortal?: boolean;
  /** It makes things late. Nothing may fail by it. */
  readonly isDelay?: boolean;
  readonly fromMs: number;
  readonly toMs: number;
}

/** What a scenario grants. */
export interface Terms {
  readonly troubles: readonly Trouble[];
  /** Nodes whose sessions may be ended by the router or by its death. */
  readonly sacrificed: ReadonlySet<string>;
  /** How long a loss may go unreported. */
  readonly noticeMs: number;
  /** How long before the end of a session its messages may be lost with it. */
  readonly endingMs: number;
  /** How long a dead or withdrawn callee may still be called, and how long before its session ends it may be withdrawn. */
  readonly ghostMs: number;
  /** A call must end this long after its callee or its timeout would end it. */
  readonly answerMs: number;
  /** Nothing dies unasked: whatever reached a callee is answered, and every procedure has a callee all the time. */
  readonly losesNoCall?: boolean;
}

/** Why a session ended: by its own will, when all it asked for was answered. It excuses nothing. */
export const LEFT = 'left';
/** So late that a node may have been taken for dead. */
const STARVED_MS = 4_000;
/** By its own will, in the middle of whatever it did: what was under way may be lost with it. */
export const DROPPED = 'dropped';

/** Everything the journal shows that breaks a promise, each with its id. */
export function judge(journal: Journal, evidence: Evidence, terms: Terms): string[] {
  return [
    ...journal.oddities,
    ...judgeSessions(journal, evidence, terms),
    ...judgeEvents(journal, evidence, terms),
    ...judgeCalls(journal, evidence, terms),
    ...judgeHoldings(journal, evidence, terms),
  ];
}

/** Clients of nodes that nothing happened to stay connected (G6). */
function judgeSessions({ sessions }: Journal, evidence: Evidence, { sacrificed }: Terms): string[] {
  return sessions.flatMap(({ member, node, ended }) => {
    if (ended === undefined || [LEFT, DROPPED].includes(ended.reason) || sacrificed.has(node)) return [];
    // A machine that stands still for seconds hangs all nodes on it.
    if (evidence.latenessMs(ended.ms - STARVED_MS, ended.ms) >= STARVED_MS) return [];
    return [`G6: ${member} lost its session on ${node}: ${ended.reason}`];
  });
}

/** Something was wrong with that node, or with all, at some time in between. */
export function isTroubled({ troubles }: Terms, node: string, fromMs: number, toMs: number): boolean {
  return troubles.some(
    (trouble) =>
      trouble.isDelay !== true &&
      (trouble.nodes === undefined || trouble.nodes.includes(node)) &&
      trouble.fromMs <= toMs &&
      trouble.toMs >= fromMs,
  );
}

/** As `isTroubled`, of any node. */
export function wasTrouble({ troubles }: Terms, fromMs: number, toMs: number): boolean {
  return troubles.some((trouble) => trouble.isDelay !== true && trouble.fromMs <= toMs && trouble.toMs >= fromMs);
}

/** One of these nodes may have been declared dead in that time. */
export function isMortal({ troubles }: Terms, nodes: readonly string[], fromMs: number, toMs: number): boolean {
  return troubles.some(
    (trouble) =>
      trouble.isMortal === true &&
      trouble.fromMs <= toMs &&
      trouble.toMs >= fromMs &&
      nodes.some((node) => trouble.nodes?.includes(node)),
  );
}

/**
 * The end of the last trouble of one of these nodes that was on at that time, or met what was under way then; that time,
 * if there was none.
 */
export function endOfTrouble({ troubles, endingMs }: Terms, nodes: readonly string[], ms: number): number {
  let endMs = ms;
  for (const trouble of [...troubles].sort((one, other) => one.fromMs - other.fromMs)) {
    const concerns = trouble.nodes === undefined || nodes.some((node) => trouble.nodes?.includes(node));
    if (concerns && trouble.fromMs <= endMs + endingMs && trouble.toMs > endMs) endMs = trouble.toMs;
  }
  return endMs;
}

/** When the session ended, unless in good order: by the router, by its connection, or in the middle of something. */
export function lossOfSession({ ended }: SessionRecord): SessionRecord['ended'] {
  return ended?.reason === LEFT ? undefined : ended;
}
