import type { Page } from 'playwright-core';

/**
 * Notes what no page may do: leave its origin, throw, or write an error to the console, as browsers do for each violation of the
 * Content-Security-Policy. `allowed`: what browsers write by themselves while a router is away.
 */
export function watchPage(page: Page, complaints: string[], isOurs: (url: string) => boolean, allowed: RegExp): void {
  page.on('request', (request) => {
    if (!isOurs(request.url())) complaints.push(`request to ${request.url()}`);
  });
  page.on('websocket', (socket) => {
    if (!isOurs(socket.url())) complaints.push(`WebSocket to ${socket.url()}`);
  });
  page.on('pageerror', (error) => complaints.push(`thrown: ${error.message}`));
  page.on('console', (line) => {
    if (line.type() === 'error' && !allowed.test(line.text())) complaints.push(`console: ${line.text()}`);
  });
}
