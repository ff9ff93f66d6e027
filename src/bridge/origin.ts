import type { HttpExchange } from '../transport/http/exchange.js';
import { refusal, type Refusal } from './refusal.js';

/** Browsers send requests of any page from within the network of their user: those of other origins may not. */
export function originFlaw({ origin, isAllowedOrigin }: HttpExchange): Refusal | undefined {
  if (origin === '' || isAllowedOrigin) return undefined;
  return refusal('403', 'forbidden', 'Pages of this origin may not use this service (allowedOrigins of the listener).');
}
