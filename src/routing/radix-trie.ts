/** Key: the first unit of the edge. */
type WideChildren<T extends object> = Map<number, TrieNode<T>>;

/**
 * One branching point or entry. Its key is the first `end` units of `text`; its edge is what the key adds to that of
 * its parent.
 */
export class TrieNode<T extends object> {
  /** The key of some entry below, shared and not copied, so that an edge costs no string. */
  readonly text: string;
  readonly end: number;
  value: T | undefined;
  /**
   * A few children are a list, sorted by the unit at `end`; many are a map, so that adding one does not cost as much as
   * all the others.
   */
  children: TrieNode<T>[] | WideChildren<T> = NO_CHILDREN;
  /** The first unit of each child's edge, so that a search touches no other child. Only for a list. */
  units = '';

  constructor(text: string, end: number, value: T | undefined) {
    this.text = text;
    this.end = end;
    this.value = value;
  }
}

const NO_CHILDREN: TrieNode<never>[] = [];

/** Most branching points have a few children for life, and a map takes far more memory than a list of them. */
const MAX_LISTED = 16;
/** A map becomes a list again only well below that, so that one entry that comes and goes does not change it each time. */
const MIN_MAPPED = 8;

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
      const child = childAt(node, key.charCodeAt(node.end));
      if (child === undefined) {
        insertChild(node, new TrieNode<T>(key, key.length, value));
        this.#size++;
        return;
      }
      const common = commonEnd(child.text, key, node.end + 1, Math.min(child.end, key.length));
      node = common === child.end ? child : splitEdge(node, child, common);
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
    if (countChildren(node) > 0) {
      dissolve(parent, node);
      return true;
    }
    removeChild(parent, node);
    if (grandparent !== undefined) dissolve(grandparent, parent);
    return true;
  }
}

/** The child whose edge begins with `unit`. O(log of the few that are listed). */
export function childAt<T extends object>(node: TrieNode<T>, unit: number): TrieNode<T> | undefined {
  const { units, children } = node;
  if (!Array.isArray(children)) return children.get(unit);
  const slot = slotOf(units, unit);
  return units.charCodeAt(slot) === unit ? children[slot] : undefined;
}

function countChildren<T extends object>({ children }: TrieNode<T>): number {
  return Array.isArray(children) ? children.length : children.size;
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

/** Whether `key` continues with the entire edge of `child`, whose first unit was already compared. */
export function leadsTo<T extends object>(child: TrieNode<T>, key: string, parentEnd: number): boolean {
  return child.end <= key.length && commonEnd(child.text, key, parentEnd + 1, child.end) === child.end;
}

function commonEnd(one: string, other: string, from: number, to: number): number {
  let index = from;
  while (index < to && one.charCodeAt(index) === other.charCodeAt(index)) index++;
  return index;
}

function splitEdge<T extends object>(parent: TrieNode<T>, child: TrieNode<T>, end: number): TrieNode<T> {
  const inner = new TrieNode<T>(child.text, end, undefined);
  inner.children = [child];
  inner.units = child.text.charAt(end);
  replaceChild(parent, inner);
  return inner;
}

/** Replaces the child whose edge begins with the same unit. */
function replaceChild<T extends object>({ children, units, end }: TrieNode<T>, child: TrieNode<T>): void {
  const unit = child.text.charCodeAt(end);
  if (Array.isArray(children)) children[slotOf(units, unit)] = child;
  else children.set(unit, child);
}

function insertChild<T extends object>(node: TrieNode<T>, child: TrieNode<T>): void {
  const { children, units, end } = node;
  const unit = child.text.charCodeAt(end);
  if (!Array.isArray(children)) children.set(unit, child);
  else if (children.length < MAX_LISTED) {
    const slot = slotOf(units, unit);
    node.units = units.slice(0, slot) + child.text.charAt(end) + units.slice(slot);
    // Not spliced: a growing array reserves 16 slots more than it needs.
    node.children = children.toSpliced(slot, 0, child);
  } else {
    node.children = new Map([...children, child].map((each) => [each.text.charCodeAt(end), each]));
    node.units = '';
  }
}

function removeChild<T extends object>(node: TrieNode<T>, child: TrieNode<T>): void {
  const { children, units, end } = node;
  const unit = child.text.charCodeAt(end);
  if (!Array.isArray(children)) {
    children.delete(unit);
    if (children.size < MIN_MAPPED) list(node, children);
    return;
  }
  const slot = slotOf(units, unit);
  node.units = units.slice(0, slot) + units.slice(slot + 1);
  if (children.length === 1) node.children = NO_CHILDREN;
  else children.splice(slot, 1);
}

function list<T extends object>(node: TrieNode<T>, children: WideChildren<T>): void {
  const sorted = [...children].sort(([one], [other]) => one - other);
  node.children = sorted.map(([, child]) => child);
  node.units = String.fromCharCode(...sorted.map(([unit]) => unit));
}

/** Joins the edges before and after a node that is neither an entry nor a branching point any more. */
function dissolve<T extends object>(parent: TrieNode<T>, node: TrieNode<T>): void {
  const { value, children } = node;
  const only = Array.isArray(children) && children.length === 1 ? children[0] : undefined;
  if (value === undefined && only !== undefined) replaceChild(parent, only);
}
