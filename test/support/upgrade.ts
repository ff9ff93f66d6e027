import WebSocket, { type ClientOptions } from 'ws';

export type Upgrade =
  | { readonly kind: 'accepted'; readonly protocol: string; readonly socket: WebSocket }
  | { readonly kind: 'refused'; readonly status: number; readonly body: string };

/** The opening handshake alone: the sub-protocol that was chosen, or the HTTP answer. The caller closes the socket. */
export async function upgrade(
  url: string,
  protocols: readonly string[],
  options: ClientOptions = {},
): Promise<Upgrade> {
  const socket = new WebSocket(url, [...protocols], { perMessageDeflate: false, ...options });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve({ kind: 'accepted', protocol: socket.protocol, socket }));
    socket.on('error', reject);
    socket.once('unexpected-response', (_request, response) => {
      response.setEncoding('utf8');
      let body = '';
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ kind: 'refused', status: response.statusCode ?? 0, body }));
    });
  });
}
