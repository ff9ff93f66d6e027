import { prepareChromium } from './chromium.js';
import { provide } from './prepare.js';
import { prepareServer } from './redis-hosts.js';

/** As `prepare`, for projects that use a browser too. */
export default function prepare(): Promise<void> {
  return provide([prepareServer, prepareChromium]);
}
