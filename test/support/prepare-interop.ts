import { prepareChromium } from './chromium.js';
import { prepareHaproxy } from './haproxy.js';
import { provide } from './prepare.js';
import { prepareBridgeClient, preparePython } from './python.js';
import { prepareServer } from './redis-hosts.js';

/** As `prepare`, for the projects that use client libraries in a browser and in Python, and a load balancer. */
export default function prepare(): Promise<void> {
  return provide([prepareServer, prepareChromium, preparePython, prepareBridgeClient, prepareHaproxy]);
}
