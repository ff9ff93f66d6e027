import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { SITE_HEADERS, type SitePage, type StaticSite } from './static-site.js';

/** Answers one HTTP request that is not a WebSocket upgrade: a page of the site, or one sentence of plain text. */
export function answer(res: HttpResponse, req: HttpRequest, site: StaticSite | undefined, socketPath: string): void {
  const method = req.getCaseSensitiveMethod();
  const path = req.getUrl();
  const isHead = method === 'HEAD';
  if (method !== 'GET' && !isHead) {
    res.writeStatus('405 Method Not Allowed').writeHeader('Allow', 'GET, HEAD');
    text(res, isHead, 'Only GET and HEAD are answered here.', true);
    return;
  }
  if (path === socketPath) {
    res.writeStatus('426 Upgrade Required').writeHeader('Upgrade', 'websocket');
    text(res, isHead, `This is a WAMP router: connect to ${path} with a WebSocket.`);
    return;
  }
  const page = site?.find(path);
  if (page === undefined) {
    res.writeStatus('404 Not Found');
    text(res, isHead, `There is nothing here. The WAMP router answers WebSockets at ${socketPath}.`);
    return;
  }
  sendPage(res, isHead, req.getHeader('if-none-match'), page);
}

/** Refuses an upgrade and says why. The connection is closed. */
export function refuse(res: HttpResponse, status: string, sentence: string): void {
  res.writeStatus(status);
  text(res, false, sentence, true);
}

function text(res: HttpResponse, isHead: boolean, sentence: string, closeConnection = false): void {
  const body = `${sentence}\n`;
  res.writeHeader('Content-Type', 'text/plain; charset=utf-8').writeHeader('X-Content-Type-Options', 'nosniff');
  if (isHead) endWithoutBody(res, Buffer.byteLength(body));
  else res.end(body, closeConnection);
}

function sendPage(res: HttpResponse, isHead: boolean, ifNoneMatch: string, page: SitePage): void {
  const isKnown = ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === page.etag);
  res.writeStatus(isKnown ? '304 Not Modified' : '200 OK').writeHeader('ETag', page.etag);
  for (const [name, value] of SITE_HEADERS) res.writeHeader(name, value);
  if (!isKnown) res.writeHeader('Content-Type', page.contentType);
  if (isKnown) res.endWithoutBody();
  else if (isHead) endWithoutBody(res, page.body.byteLength);
  else res.end(page.body);
}

// uWebSockets.js ends the process when its own endWithoutBody is given a length: it then takes the request for unanswered.
function endWithoutBody(res: HttpResponse, bodyBytes: number): void {
  res.writeHeader('Content-Length', String(bodyBytes)).endWithoutBody();
}
