import { prepareServer } from './redis-hosts.js';

/** Runs once per project, before its files, which may run at the same time. */
export default prepareServer;
