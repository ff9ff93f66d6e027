import { chunks } from '../../../util/chunks.js';
import type { NodeId, SessionId } from '../../../wamp/ids.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import type { HeldCallee, HeldCallees } from './held-callees.js';
import type { Leavers } from './leavers.js';
import type { MirrorView } from './mirror-view.js';
import type { RealmWriter } from './realm-writer.js';
import type { Member } from './rows.js';
import {
  changeInterest,
  claimProcedure,
  completeTakeover,
  releaseCallees,
  type ClaimReply,
  type Done,
  type NotServing,
} from './scripts.js';
import type { RealmSnapshot } from './snapshot.js';
import type { ClaimWrite, ReleaseWrite } from './writes.js';

export interface RowsRepairOptions {
  readonly node: NodeId;
  readonly maxPerWrite: number;
  readonly writer: RealmWriter;
  readonly mirror: MirrorView;
  /** Topics that this node wants. */
  readonly topics: ReadonlyMap<Member, unknown>;
  readonly leavers: Leavers;
  readonly held: HeldCallees;
  /** Queues the release of a callee that this node holds no more. */
  readonly release: (member: Member, session: SessionId) => void;
}

/** Callees of this node in the store, by procedure; true: it takes the procedure over there. */
type StoredCallees = ReadonlyMap<Member, ReadonlyMap<SessionId, boolean>>;

/** Writes of one repair that are under way at once. */
const STEPS_AT_ONCE = 4;
const CLAIMS_AT_ONCE = 64;

/** Makes the rows of this node in the store what the node wants, and nothing else, while no other write is under way. */
export class RowsRepair {
  readonly #options: RowsRepairOptions;

  constructor(options: RowsRepairOptions) {
    this.#options = options;
  }

  /** `postponed`: releases that may not have been done. */
  async run(snapshot: RealmSnapshot, postponed: readonly ReleaseWrite[]): Promise<void> {
    await this.#repairTopics(snapshot.ownTopics);
    const stored = this.#ownCallees(snapshot);
    await this.#releaseUnwanted(snapshot, stored, postponed);
    await this.#completeTakeovers(stored);
    const missing = this.#options.held.all.filter(([member, session]) => stored.get(member)?.has(session) !== true);
    await inParts(missing, CLAIMS_AT_ONCE, ([member, session, held]) => this.#claimAgain(member, session, held));
  }

  async #repairTopics(stored: ReadonlySet<Member>): Promise<void> {
    const { topics, leavers, maxPerWrite, writer, mirror } = this.#options;
    leavers.keepOnly(stored);
    const createdMs = (member: Member): number | undefined => mirror.createdMs(member);
    const missing = [...topics.keys()].filter((member) => !stored.has(member));
    const superfluous = [...stored].filter((member) => !topics.has(member));
    await inParts(chunks(missing, maxPerWrite), STEPS_AT_ONCE, async (added) =>
      this.#written(await writer.run(changeInterest, { added, removed: [], createdMs })),
    );
    await inParts(chunks(superfluous, maxPerWrite), STEPS_AT_ONCE, async (removed) => {
      const left = leavers.of(removed);
      this.#written(await writer.run(changeInterest, { added: [], removed, leavers: left }));
      leavers.written(left);
    });
  }

  #ownCallees({ procedures }: RealmSnapshot): StoredCallees {
    const stored = new Map<Member, ReadonlyMap<SessionId, boolean>>();
    for (const [member, { callees }] of procedures) {
      const own = callees.filter(({ callee }) => callee.node === this.#options.node);
      stored.set(member, new Map(own.map(({ callee, takesOver }) => [callee.session, takesOver !== undefined])));
    }
    return stored;
  }

  async #releaseUnwanted(
    { ownCallees }: RealmSnapshot,
    stored: StoredCallees,
    postponed: readonly ReleaseWrite[],
  ): Promise<void> {
    const { held, maxPerWrite, writer } = this.#options;
    const unwanted = new Map<Member, Set<SessionId>>();
    const look = (member: Member, session: SessionId): void => {
      if (held.get(member, session) !== undefined) return;
      const sessions = unwanted.get(member);
      if (sessions === undefined) unwanted.set(member, new Set([session]));
      else sessions.add(session);
    };
    for (const [member, sessions] of stored) for (const session of sessions.keys()) look(member, session);
    // Listed for this node, but perhaps without a row any more.
    for (const [member, session] of ownCallees) look(member, session);
    for (const { callees } of postponed)
      for (const [member, sessions] of callees) for (const session of sessions) look(member, session);
    const releases = [...unwanted].flatMap(([member, sessions]) =>
      [...sessions].map((session) => [member, session] as const),
    );
    await inParts(chunks(releases, maxPerWrite), STEPS_AT_ONCE, async (part) => {
      const callees = new Map<Member, SessionId[]>();
      for (const [member, session] of part) {
        const sessions = callees.get(member);
        if (sessions === undefined) callees.set(member, [session]);
        else sessions.push(session);
      }
      this.#written(await writer.run(releaseCallees, { callees }));
    });
  }

  /**
   * Completes takeovers that are certain and not known to be complete: the store did not reply, or was not asked yet. Completes
   * others again if the store has lost that.
   */
  async #completeTakeovers(stored: StoredCallees): Promise<void> {
    const { held, writer } = this.#options;
    const open: (readonly [Member, SessionId, ClaimWrite | undefined])[] = [];
    for (const [member, session, { takeover }] of held.all) {
      const takesOver = stored.get(member)?.get(session);
      if (takesOver !== undefined && (takeover?.isSettled ?? takesOver)) open.push([member, session, takeover]);
    }
    await inParts(open, CLAIMS_AT_ONCE, async ([member, session, write]) => {
      this.#written(await writer.run(completeTakeover, { member, session }));
      if (write !== undefined) held.completeTakeover(member, session, write);
    });
  }

  async #claimAgain(member: Member, session: SessionId, callee: HeldCallee): Promise<void> {
    const { held, mirror, writer, release } = this.#options;
    const { id, invoke, rest, order, createdMs, digest, takeover } = callee;
    if (takeover?.isSettled === false) {
      takeover.fail();
      return;
    }
    const force = takeover !== undefined;
    const again = { order, createdMs, digest, force };
    const reply = await writer.run(claimProcedure, { member, id, invoke, session, rest, ...again });
    this.#written(reply);
    if (held.get(member, session) !== callee) {
      // Released meanwhile: the release waits in the queue.
    } else if (reply.kind === 'granted') {
      held.set(member, session, { ...callee, version: reply.version, takeover: undefined });
    } else {
      release(member, session);
      mirror.removeOwn(member, session);
    }
  }

  #written(reply: ClaimReply | Done | NotServing): void {
    if (reply.kind === 'not-serving') throw new BackplaneUnavailableError('repair: the store has lost the realm again');
    if ('version' in reply) this.#options.writer.written(reply.version);
  }
}

/** So many at once. The next ones begin when all of these have ended. */
async function inParts<T>(all: readonly T[], atOnce: number, write: (one: T) => Promise<void>): Promise<void> {
  for (const part of chunks(all, atOnce)) await Promise.all(part.map(write));
}
