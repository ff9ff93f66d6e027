import type { Uri } from '../wamp/ids.js';
import { childAt, leadsTo, RadixTrie, type TrieNode } from './radix-trie.js';

const DOT = 46;

/** Prefix patterns: plain string prefixes, not by component (PBR-2); the empty one matches everything (URI-3). */
export class PrefixIndex<T extends object> {
  readonly #trie = new RadixTrie<T>();

  get size(): number {
    return this.#trie.size;
  }

  get(prefix: Uri): T | undefined {
    return this.#trie.get(prefix);
  }

  set(prefix: Uri, value: T): void {
    this.#trie.set(prefix, value);
  }

  delete(prefix: Uri): boolean {
    return this.#trie.delete(prefix);
  }

  /** Every prefix of `uri`, shortest first. O(length of uri), however many patterns there are. */
  forEachMatch<C>(uri: Uri, visit: (value: T, context: C) => void, context: C): void {
    let node: TrieNode<T> | undefined = this.#trie.root;
    while (node !== undefined) {
      if (node.value !== undefined) visit(node.value, context);
      node = step(node, uri);
    }
  }

  /** The longest prefix as a string, which is also the longest in components (PBR-5, X-19). */
  longest(uri: Uri): T | undefined {
    let found: T | undefined;
    let node: TrieNode<T> | undefined = this.#trie.root;
    while (node !== undefined) {
      found = node.value ?? found;
      node = step(node, uri);
    }
    return found;
  }

  /** Whether a prefix of `uri` ends where one of its components does. */
  hasComponentPrefix(uri: Uri): boolean {
    let node: TrieNode<T> | undefined = this.#trie.root;
    while (node !== undefined) {
      if (node.value !== undefined && isBoundary(uri, node.end)) return true;
      node = step(node, uri);
    }
    return false;
  }
}

function isBoundary(uri: Uri, at: number): boolean {
  return at === 0 || at === uri.length || uri.charCodeAt(at) === DOT || uri.charCodeAt(at - 1) === DOT;
}

function step<T extends object>(node: TrieNode<T>, uri: Uri): TrieNode<T> | undefined {
  if (node.end === uri.length) return undefined;
  const child = childAt(node, uri.charCodeAt(node.end));
  return child !== undefined && leadsTo(child, uri, node.end) ? child : undefined;
}
