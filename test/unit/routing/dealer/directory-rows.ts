import type { Callee, Claim, ClaimOutcome, Registration } from '../../../../src/routing/ports.js';
import { withoutCallees, withSuccessors } from '../../../../src/routing/successors.js';
import type { NodeId, RegistrationId, SessionId } from '../../../../src/wamp/ids.js';

/** The directory of all nodes: the rows of procedures, decided at once. */
export class DirectoryRows {
  readonly #rows = new Map<string, Registration>();
  readonly #written: (registration: Registration) => void;

  constructor(written: (registration: Registration) => void) {
    this.#written = written;
  }

  claim(claim: Claim): ClaimOutcome {
    const key = `${claim.match}:${claim.procedure}`;
    const row = this.#rows.get(key);
    const holders = row?.callees ?? [];
    if (row !== undefined && holders.length > 0 && claim.force !== true) {
      if (claim.force !== false) return { kind: 'protected' };
      if (holders.some((callee) => callee.session === claim.callee.session)) return { kind: 'taken' };
      if (row.invoke !== claim.invoke) return { kind: 'policy-conflict', invoke: row.invoke };
      if (row.invoke === 'single') return { kind: 'taken' };
    }
    const registration: Registration =
      row !== undefined && claim.force === true
        ? { ...row, successors: [claim.callee, ...(row.successors ?? [])] }
        : {
            id: row?.id ?? claim.registration,
            procedure: claim.procedure,
            match: claim.match,
            invoke: claim.invoke,
            createdMs: row?.createdMs ?? 1_000,
            callees: [...holders, claim.callee],
          };
    this.#write(key, registration);
    return { kind: 'granted', registration };
  }

  /** Makes a claim by force certain: the callees that held the procedure before lose it. */
  complete({ match, procedure, invoke, callee }: Claim): void {
    const key = `${match}:${procedure}`;
    const row = this.#rows.get(key);
    const at = row?.successors?.indexOf(callee) ?? -1;
    if (row === undefined || at === -1) return;
    this.#write(key, withSuccessors({ ...row, invoke, callees: [callee] }, row.successors!.slice(0, at)));
  }

  release(id: RegistrationId, session: SessionId): void {
    this.#remove(
      (row) => row.id === id,
      (callee) => callee.session === session,
    );
  }

  nodeGone(node: NodeId): void {
    this.#remove(
      () => true,
      (callee) => callee.node === node,
    );
  }

  #remove(concerns: (row: Registration) => boolean, isGone: (callee: Callee) => boolean): void {
    for (const [key, row] of this.#rows) {
      if (!concerns(row)) continue;
      const left = withoutCallees(row, isGone);
      if (left !== undefined) this.#write(key, left);
    }
  }

  #write(key: string, registration: Registration): void {
    if (registration.callees.length === 0) this.#rows.delete(key);
    else this.#rows.set(key, registration);
    this.#written(registration);
  }
}
