import { createHash } from 'node:crypto';
import { canonical } from '../reload.js';
import { masked, secretsIn } from '../render.js';
import type { Config } from '../schema.js';

const SETTINGS_BYTES = 4;

/**
 * A number that is the same on all nodes with the same configuration: 32 bits of the hash of its settings, and 8 bits of
 * that of its secrets. Eight bits help little to guess a password, and reveal a node with another one in 255 of 256 cases.
 * Settings that may differ between the nodes of a cluster do not count.
 */
export function fingerprint(config: Config): number {
  const { node: _node, ops: _ops, log: _log, listen, ...shared } = config;
  const { host: _host, port: _port, tls: _tls, ...listening } = listen;
  const compared = { ...shared, listen: listening };
  const settings = hash(canonical(masked(compared))).readUIntBE(0, SETTINGS_BYTES);
  return settings * 256 + hash(canonical(secretsIn(compared))).readUInt8(0);
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
