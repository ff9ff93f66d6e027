import type { Uri } from '../wamp/ids.js';
import { childAt, RadixTrie, type TrieNode } from './radix-trie.js';

const DOT = 46;

/**
 * Wildcard patterns: an empty component stands for exactly one component that is not empty (PBR-3). One trie of the
 * pattern strings per number of components. A lookup visits a node at most once, and at most 2^components of them.
 */
export class WildcardIndex<T extends object> {
  readonly #tries = new Map<number, RadixTrie<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(pattern: Uri): T | undefined {
    return this.#tries.get(componentCount(pattern))?.get(pattern);
  }

  set(pattern: Uri, value: T): void {
    const components = componentCount(pattern);
    let trie = this.#tries.get(components);
    if (trie === undefined) {
      trie = new RadixTrie<T>();
      this.#tries.set(components, trie);
    }
    const before = trie.size;
    trie.set(pattern, value);
    this.#size += trie.size - before;
  }

  delete(pattern: Uri): boolean {
    const components = componentCount(pattern);
    const trie = this.#tries.get(components);
    if (trie?.delete(pattern) !== true) return false;
    this.#size--;
    if (trie.size === 0) this.#tries.delete(components);
    return true;
  }

  forEachMatch<C>(uri: Uri, visit: (value: T, context: C) => void, context: C): void {
    const trie = this.#tries.get(componentCount(uri));
    if (trie !== undefined) walk(trie.root, uri, 0, visit, context);
  }

  /** The one with the longest literal runs, compared from left to right (PBR-4). */
  best(uri: Uri): T | undefined {
    const trie = this.#tries.get(componentCount(uri));
    return trie === undefined ? undefined : walk(trie.root, uri, 0, undefined, undefined);
  }
}

/**
 * Goes on below `start`, with `uri` consumed up to `startAt`. Literals go before wildcards: where two matching patterns first
 * differ, one has a literal and thereby the longer run, so the first match found is the best. Without `visit` it is returned.
 */
function walk<T extends object, C>(
  start: TrieNode<T>,
  uri: Uri,
  startAt: number,
  visit: ((value: T, context: C) => void) | undefined,
  context: C,
): T | undefined {
  let node = start;
  let at = startAt;
  for (;;) {
    // Pattern and URI begin their components together, and have equally many.
    const isAtComponent = at === 0 || uri.charCodeAt(at - 1) === DOT;
    const isAtEnd = at === uri.length;
    const unit = uri.charCodeAt(at);
    if (isAtComponent && (isAtEnd || unit === DOT)) return undefined;
    let next = isAtEnd ? undefined : childAt(node, unit);
    let nextAt = next === undefined ? -1 : consume(next, node.end + 1, uri, at + 1);
    const wild = isAtComponent ? childAt(node, DOT) : undefined;
    const isMatch = node.value !== undefined && (isAtComponent || isAtEnd);
    if (next !== undefined && nextAt >= 0 && (isMatch || wild !== undefined)) {
      // Only here are there two ways to go: recursion is no deeper than a URI has components.
      const found = walk(next, uri, nextAt, visit, context);
      if (found !== undefined) return found;
      nextAt = -1;
    }
    if (isMatch && node.value !== undefined) {
      if (visit === undefined) return node.value;
      visit(node.value, context);
    }
    if (wild !== undefined) {
      next = wild;
      nextAt = consume(wild, node.end, uri, at);
    }
    if (next === undefined || nextAt < 0) return undefined;
    node = next;
    at = nextAt;
  }
}

/** Where `uri` stands after the edge of `child` from `from` on, or −1 when it does not match. */
function consume<T extends object>(child: TrieNode<T>, from: number, uri: Uri, uriFrom: number): number {
  const { text, end } = child;
  let at = uriFrom;
  for (let index = from; index < end; index++) {
    const unit = text.charCodeAt(index);
    if (unit === DOT && (at === 0 || uri.charCodeAt(at - 1) === DOT)) {
      const dot = uri.indexOf('.', at);
      if (dot <= at) return -1;
      at = dot + 1;
    } else {
      if (uri.charCodeAt(at) !== unit) return -1;
      at++;
    }
  }
  return at;
}

function componentCount(uri: Uri): number {
  let count = 1;
  for (let dot = uri.indexOf('.'); dot >= 0; dot = uri.indexOf('.', dot + 1)) count++;
  return count;
}
