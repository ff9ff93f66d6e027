import type { SitePage, StaticSite } from '../static-site.js';
import type { SiteOptions } from '../transport-options.js';
import { textAnswer } from './answers.js';
import { isKnownTag } from './entity-tags.js';
import type { HttpAnswer, HttpHeaders, HttpRoute } from './exchange.js';
import { SITE_POLICY } from './security-headers.js';

/** The pages of a site, at its path. `nothing`: the sentence at other paths below it. */
export function siteRoute(
  site: StaticSite,
  { path = '/', policy = SITE_POLICY }: Pick<SiteOptions, 'path' | 'policy'>,
  nothing: string,
): HttpRoute {
  const headers = siteHeaders(policy);
  return {
    path,
    match: 'prefix',
    methods: ['GET', 'HEAD'],
    isAlwaysOpen: true,
    handle: (exchange) => {
      if (exchange.path === path.slice(0, -1)) {
        // Links of the pages are relative to the folder.
        const location = `${path.split('/').at(-2) ?? ''}/`;
        exchange.answer(textAnswer('308', `The pages are in ${location}.`, [['Location', location]]));
        return;
      }
      const page = site.find(exchange.path.slice(path.length - 1));
      exchange.answer(
        page === undefined ? textAnswer('404', nothing) : pageAnswer(page, headers, exchange.header('if-none-match')),
      );
    },
  };
}

/** Sent with each page. */
function siteHeaders(policy: string): HttpHeaders {
  return [
    ['Content-Security-Policy', policy],
    // Always asked again, and answered with 304: the pages change with the router.
    ['Cache-Control', 'no-cache'],
  ];
}

/** A page of the site, or that the client has it already. */
export function pageAnswer(page: SitePage, headers: HttpHeaders, ifNoneMatch: string): HttpAnswer {
  const isKnown = isKnownTag(ifNoneMatch, page.etag);
  return {
    status: isKnown ? '304' : '200',
    headers: [['ETag', page.etag], ...headers, ['Content-Type', page.contentType]],
    body: page.body,
    isBodyLeftOut: isKnown,
  };
}
