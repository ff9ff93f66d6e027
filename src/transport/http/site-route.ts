import { SITE_HEADERS, type SitePage, type StaticSite } from '../static-site.js';
import { textAnswer } from './answers.js';
import type { HttpAnswer, HttpRoute } from './exchange.js';

/** The pages of a site, at `/`. `nothing`: the sentence at other paths. */
export function siteRoute(site: StaticSite, nothing: string): HttpRoute {
  return {
    path: '/',
    match: 'prefix',
    methods: ['GET', 'HEAD'],
    isAlwaysOpen: true,
    handle: (exchange) => {
      const page = site.find(exchange.path);
      exchange.answer(
        page === undefined ? textAnswer('404', nothing) : pageAnswer(page, exchange.header('if-none-match')),
      );
    },
  };
}

/** A page of the site, or that the client has it already. */
function pageAnswer(page: SitePage, ifNoneMatch: string): HttpAnswer {
  const isKnown = ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === page.etag);
  return {
    status: isKnown ? '304' : '200',
    headers: [['ETag', page.etag], ...SITE_HEADERS, ['Content-Type', page.contentType]],
    body: page.body,
    isBodyLeftOut: isKnown,
  };
}
