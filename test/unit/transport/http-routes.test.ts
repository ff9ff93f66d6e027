import { describe, expect, it } from 'vitest';
import type { HttpRoute } from '../../../src/transport/http/exchange.js';
import { HttpRoutes } from '../../../src/transport/http/routes.js';

function route(path: string, match: HttpRoute['match']): HttpRoute {
  return { path, match, methods: ['GET'], handle: () => undefined };
}

describe('routes of HTTP requests', () => {
  const routes = [
    route('/', 'prefix'),
    route('/lp', 'prefix'),
    route('/lp/open', 'exact'),
    route('/a/b/', 'prefix'),
    route('/exact', 'exact'),
  ];
  const table = new HttpRoutes(routes);

  it.each([
    ['/', '/'],
    ['/x', '/'],
    ['/lp', '/lp'],
    ['/lp/', '/lp'],
    ['/lp/1/send', '/lp'],
    ['/lp/open', '/lp/open'],
    ['/lp/open/', '/lp'],
    ['/lpx', '/'],
    ['/a/b', '/a/b/'],
    ['/a/b/c', '/a/b/'],
    ['/a/bc', '/'],
    ['/exact', '/exact'],
    ['/exact/more', '/'],
    ['//lp', '/'],
    ['/LP', '/'],
    ['/%6cp', '/'],
  ])('finds for %s the longest that matches: %s', (path, expected) => {
    expect(table.find(path)?.path).toBe(expected);
  });

  it('finds none where none matches', () => {
    const few = new HttpRoutes([route('/lp', 'prefix')]);
    expect(table.find('*')).toBeUndefined();
    for (const path of ['/', '', '/l', '/lpp', '*', '/x/lp']) expect(few.find(path)).toBeUndefined();
  });

  it('looks at no more of a long path than the routes have', () => {
    const startedMs = performance.now();
    for (let count = 0; count < 500; count++) {
      expect(table.find(`/lp${'/'.repeat(16_000)}${count}`)?.path).toBe('/lp');
      expect(table.find(`/x${'/a'.repeat(8_000)}${count}`)?.path).toBe('/');
    }
    // It takes milliseconds. A look at each part of the path takes minutes.
    expect(performance.now() - startedMs).toBeLessThan(30_000);
  });
});
