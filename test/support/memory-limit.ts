import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';

/** Version 1 has a hierarchy for each resource, version 2 one for all. */
const ROOTS = [
  { folder: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes', events: 'memory.oom_control', swap: undefined },
  { folder: '/sys/fs/cgroup', limit: 'memory.max', events: 'memory.events', swap: 'memory.swap.max' },
] as const;

type Root = (typeof ROOTS)[number];

/** A control group of one's own with a limit of memory, as a container has one: past it the kernel ends a process. */
export class MemoryLimit {
  readonly #root: Root;
  readonly #folder: string;

  /** Only root may make one, and only where control groups are mounted. */
  static get isPossible(): boolean {
    return rootHere() !== undefined;
  }

  constructor(bytes: number) {
    const root = rootHere();
    if (root === undefined) throw new Error('control groups cannot be made here');
    this.#root = root;
    this.#folder = join(root.folder, `gantry-test-${randomUUID()}`);
    mkdirSync(this.#folder);
    writeFileSync(join(this.#folder, root.limit), String(bytes));
    if (root.swap !== undefined) writeFileSync(join(this.#folder, root.swap), '0');
  }

  /** The words of a shell that puts itself under the limit and becomes what follows. */
  get prefix(): readonly string[] {
    return ['sh', '-c', `echo $$ > ${join(this.#folder, 'cgroup.procs')} && exec "$0" "$@"`];
  }

  /** Processes that the kernel ended for their memory. */
  get killCount(): number {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync(join(this.#folder, this.#root.events), 'utf8'))?.[1]);
  }

  /** Once its processes have ended. */
  remove(): void {
    rmdirSync(this.#folder);
  }
}

function rootHere(): Root | undefined {
  return ROOTS.find(({ folder, limit }) => {
    // The root of version 2 has no limit itself; what it hands down it names.
    const handsDown =
      limit === 'memory.max' ? controllersOf(folder).includes('memory') : isWritable(join(folder, limit));
    return handsDown && isWritable(folder);
  });
}

function controllersOf(folder: string): string {
  try {
    return readFileSync(join(folder, 'cgroup.subtree_control'), 'utf8');
  } catch {
    return '';
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
