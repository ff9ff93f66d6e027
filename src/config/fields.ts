import { isIP } from 'node:net';
import { z } from 'zod';
import { isPortableText } from '../wamp/dict.js';

/** Whole number of milliseconds. The longest is one day: timers of Node.js end at 24.8 days. */
export const milliseconds = (least = 0, most = 86_400_000) => z.int().min(least).max(most);

/** Whole number of bytes. */
export const bytes = (least: number, most: number) => z.int().min(least).max(most);

/** Whole number of things. */
export const count = (least: number, most: number) => z.int().min(least).max(most);

/** 0 lets the operating system choose. */
export const port = z.int().min(0).max(65_535);

/** A path of the HTTP server. */
export const socketPath = z
  .string()
  .regex(/^\/[A-Za-z0-9._~/-]*$/, 'Invalid path: must begin with "/" and have no query, pattern or escape');

/** An authid or the name of a role: clients of every serializer read it. */
export const identity = z.string().min(1).max(255).refine(isPortableText, {
  error: 'Invalid name: expected well-formed Unicode that does not begin with U+0000',
});

/** A name or an address to listen at. */
export const host = z.string().min(1).max(255).regex(/^\S+$/, 'Invalid host: no spaces');

/** An address, or a network in CIDR notation. */
export const network = z.string().max(64).refine(isNetwork, 'Invalid network: write 192.0.2.7, 10.0.0.0/8 or fc00::/7');

function isNetwork(text: string): boolean {
  const [, address = '', prefix = '0'] = /^([0-9a-f:.]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && Number(prefix) <= (family === 4 ? 32 : 128);
}

export const matchPolicy = z.enum(['exact', 'prefix', 'wildcard']);

/** A list whose elements differ from each other. */
export function distinct<Element extends z.ZodType>(element: Element, least = 1) {
  return z
    .array(element)
    .min(least)
    .refine((list) => new Set(list).size === list.length, 'Invalid list: an element is there twice');
}

/** The certificate of a listener. */
export const tls = z.strictObject({
  certFile: z.string().min(1).describe('File with the certificate chain, PEM. Relative to the working directory.'),
  keyFile: z.string().min(1).describe('File with the private key, PEM. Relative to the working directory.'),
  passphrase: z.string().exactOptional().meta({
    description: 'Passphrase of the private key. Better set in the environment than in a file.',
    writeOnly: true,
  }),
});
