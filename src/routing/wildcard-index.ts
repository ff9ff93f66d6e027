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
 * Goes on below `node`, with `uri` consumed up to `at`. Literals go before wildcards: where two matching patterns first
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
    const isAtComponent = node.end === 0 || node.text.charCodeAt(node.end - 1) === DOT;
    const wild = isAtComponent ? childAt(node, DOT) : undefined;
    const isMatch = node.value !== undefined && (isAtComponent ? endsWildly(uri, at) : at === uri.length);
    let next = at < uri.length ? childAt(node, uri.charCodeAt(at)) : undefined;
    if (next !== undefined && next !== wild && (isMatch || wild !== undefined)) {
      // Only here are there two ways to go: recursion is no deeper than a URI has components.
      const nextAt = consume(next, node.end, uri, at);
      const found = nextAt < 0 ? undefined : walk(next, uri, nextAt, visit, context);
      if (found !== undefined) return found;
      next = undefined;
    }
    if (isMatch && node.value !== undefined) {
      if (visit === undefined) return node.value;
      visit(node.value, context);
    }
    next ??= wild;
    if (next === undefined) return undefined;
    at = consume(next, node.end, uri, at);
    if (at < 0) return undefined;
    node = next;
  }
}

/** Where `uri` stands after the edge of `child`, or −1 when it does not match. */
function consume<T extends object>(child: TrieNode<T>, from: number, uri: Uri, uriFrom: number): number {
  const { text, end } = child;
  let at = uriFrom;
  for (let index = from; index < end; index++) {
    const unit = text.charCodeAt(index);
    if (unit === DOT && (index === 0 || text.charCodeAt(index - 1) === DOT)) {
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

/** Whether exactly one component is left, and it is not empty. */
function endsWildly(uri: Uri, at: number): boolean {
  return at < uri.length && !uri.includes('.', at);
}

function componentCount(uri: Uri): number {
  let count = 1;
  for (let dot = uri.indexOf('.'); dot >= 0; dot = uri.indexOf('.', dot + 1)) count++;
  return count;
}
