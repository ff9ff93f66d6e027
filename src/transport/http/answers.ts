import type { HttpStatus } from '../../telemetry/counters.js';
import type { HttpAnswer, HttpHeaders } from './exchange.js';

/** One sentence of plain text. */
export function textAnswer(status: HttpStatus, sentence: string, headers: HttpHeaders = []): HttpAnswer {
  const type = ['Content-Type', 'text/plain; charset=utf-8'] as const;
  return { status, headers: [...headers, type], body: `${sentence}\n` };
}
