import { isLongPoll, isRaw } from './address.js';
import type { Link, LinkOptions, LinkReceiver } from './link.js';
import { openLongPoll } from './longpoll.js';
import { openRawSocket } from './rawsocket.js';
import { openWebSocket } from './websocket.js';

/** Connects by the transport that the address names. Errors: NotConnectedError. */
export function openLink(options: LinkOptions, receiver: LinkReceiver): Promise<Link> {
  if (isLongPoll(options.url)) return openLongPoll(options, receiver);
  return isRaw(options.url) ? openRawSocket(options, receiver) : openWebSocket(options, receiver);
}
