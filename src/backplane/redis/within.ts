import { withTimeout } from '../../util/timeout.js';
import type { Surroundings } from './surroundings.js';
import { BackplaneUnavailableError } from '../backplane.js';

/**
 * Resolves or rejects with `work`, but rejects with BackplaneUnavailableError when it takes longer than `limitMs`. The message
 * then ends with what `reasonOf` returns: why it took so long, as far as that is known.
 */
export function within<Result>(
  after: Surroundings['after'],
  limitMs: number,
  operation: string,
  work: Promise<Result>,
  reasonOf: () => string = () => '',
): Promise<Result> {
  return withTimeout(
    limitMs,
    work,
    () => new BackplaneUnavailableError(`${operation}: it took longer than ${limitMs} ms${reasonOf()}`),
    after,
  );
}
