/** Host and port as a part of a URL. In place of an unspecified address stands one that clients can connect to. */
export function authority(host: string, port: number): string {
  return `${reachable(host)}:${port}`;
}

function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
