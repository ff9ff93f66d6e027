/**
 * One branching point or entry. What it stands for is the first `end` units of `text`; its edge is what it has more
 * than its parent. Children are sorted by the unit at `end`.
 */
export class TrieNode<T extends object> {
  /** Not copied per node: the key of some entry that passed here, so that an edge costs no string. */
  readonly text: string;
  readonly end: number;
  value: T | undefined;
  children: TrieNode<T>[] = NO_CHILDREN;
  /** The first unit of each child's edge, so that no other child need be touched to find one. */
  units = '';

  constructor(text: string, end: number, value: T | undefined) {
    this.text = text;
    this.end = end;
    this.value = value;
  }
}

const NO_CHILDREN: TrieNode<never>[] = [];

// A growing array reserves 16 slots more than it needs; most branching points have a few children for life.
const EXACT_SIZE_LIMIT = 16;

/** Strings to values as a compressed trie by UTF-16 unit: about 100 bytes per entry beside the string, any lookup O(length). */
export class RadixTrie<T extends object> {
  readonly root = new TrieNode<T>('', 0, undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): T | undefined {
    let node = this.root;
    while (node.end < key.length) {
      const child = childAt(node, key.charCodeAt(node.end));
      if (child === undefined || !leadsTo(child, key, node.end)) return undefined;
      node = child;
    }
    return node.value;
  }

  /** Adds or replaces. */
  set(key: string, value: T): void {
    let node = this.root;
    while (node.end < key.length) {
      const unit = key.charCodeAt(node.end);
      const slot = slotOf(node.units, unit);
      const child = node.children[slot];
      if (child === undefined || node.units.charCodeAt(slot) !== unit) {
        insertChild(node, slot, new TrieNode<T>(key, key.length, value));
        this.#size++;
        return;
      }
      const common = commonEnd(child.text, key, node.end + 1, Math.min(child.end, key.length));
      node = common === child.end ? child : splitEdge(node, slot, child, common);
    }
    if (node.value === undefined) this.#size++;
    node.value = value;
  }

  /** False when there is no such entry. */
  delete(key: string): boolean {
    let grandparent: TrieNode<T> | undefined;
    let parent: TrieNode<T> | undefined;
    let node = this.root;
    while (node.end < key.length) {
      const child = childAt(node, key.charCodeAt(node.end));
      if (child === undefined || !leadsTo(child, key, node.end)) return false;
      grandparent = parent;
      parent = node;
      node = child;
    }
    if (node.value === undefined) return false;
    node.value = undefined;
    this.#size--;
    if (parent === undefined) return true;
    if (node.children.length > 0) {
      dissolve(parent, node);
      return true;
    }
    removeChild(parent, node);
    if (grandparent !== undefined) dissolve(grandparent, parent);
    return true;
  }
}

/** The child whose edge begins with `unit`. O(log children). */
export function childAt<T extends object>(node: TrieNode<T>, unit: number): TrieNode<T> | undefined {
  const { units } = node;
  const slot = slotOf(units, unit);
  return units.charCodeAt(slot) === unit ? node.children[slot] : undefined;
}

function slotOf(units: string, unit: number): number {
  let low = 0;
  let high = units.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (units.charCodeAt(middle) < unit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether `key` goes on with the whole edge of `child`, whose first unit was compared already. */
export function leadsTo<T extends object>(child: TrieNode<T>, key: string, parentEnd: number): boolean {
  return child.end <= key.length && commonEnd(child.text, key, parentEnd + 1, child.end) === child.end;
}

function commonEnd(one: string, other: string, from: number, to: number): number {
  let index = from;
  while (index < to && one.charCodeAt(index) === other.charCodeAt(index)) index++;
  return index;
}

function splitEdge<T extends object>(parent: TrieNode<T>, slot: number, child: TrieNode<T>, end: number): TrieNode<T> {
  const inner = new TrieNode<T>(child.text, end, undefined);
  inner.children = [child];
  inner.units = child.text.charAt(end);
  parent.children[slot] = inner;
  return inner;
}

function insertChild<T extends object>(node: TrieNode<T>, slot: number, child: TrieNode<T>): void {
  node.units = node.units.slice(0, slot) + child.text.charAt(node.end) + node.units.slice(slot);
  if (node.children.length < EXACT_SIZE_LIMIT) node.children = node.children.toSpliced(slot, 0, child);
  else node.children.splice(slot, 0, child);
}

function removeChild<T extends object>(node: TrieNode<T>, child: TrieNode<T>): void {
  const slot = node.children.indexOf(child);
  node.units = node.units.slice(0, slot) + node.units.slice(slot + 1);
  if (node.children.length === 1) node.children = NO_CHILDREN;
  else node.children.splice(slot, 1);
}

/** Joins the edges before and after a node that is neither an entry nor a branching point any more. */
function dissolve<T extends object>(parent: TrieNode<T>, node: TrieNode<T>): void {
  const only = node.children[0];
  if (node.value !== undefined || node.children.length !== 1 || only === undefined) return;
  parent.children[parent.children.indexOf(node)] = only;
}
