import { textAnswer } from '../http/answers.js';
import type { HttpRoute } from '../http/exchange.js';
import { withStanding } from '../http/security-headers.js';
import { pageAnswer } from '../http/site-route.js';
import { toPage } from '../static-site.js';
import type { FileAnswers } from './file-answers.js';
import type { JsonOptions, RedirectOptions, WebPathOptions } from './options.js';
import { StaticRoute } from './static-route.js';

const READING = ['GET', 'HEAD'];

/** The routes of paths with files, values and redirects. `answers`: bounds those with files. */
export function webRoutes(paths: readonly WebPathOptions[], answers: FileAnswers): HttpRoute[] {
  return paths.map((options) => {
    switch (options.type) {
      case 'static':
        return new StaticRoute(options, answers);
      case 'json':
        return jsonRoute(options);
      case 'redirect':
        return redirectRoute(options);
    }
  });
}

function jsonRoute({ path, value, cacheSeconds, headers }: JsonOptions): HttpRoute {
  const page = toPage('value.json', Buffer.from(JSON.stringify(value)));
  const caching = cacheSeconds === 0 ? 'no-cache' : `public, max-age=${cacheSeconds}`;
  const all = withStanding(Object.entries(headers), [['Cache-Control', caching]]);
  return {
    path,
    match: 'exact',
    methods: READING,
    handle: (exchange) => exchange.answer(pageAnswer(page, all, exchange.header('if-none-match'))),
  };
}

function redirectRoute({ path, url, status }: RedirectOptions): HttpRoute {
  const answer = textAnswer(status, `See ${url}`, [['Location', url]]);
  return { path, match: 'exact', methods: READING, handle: (exchange) => exchange.answer(answer) };
}
