import type { Played } from './play.js';
import type { Schedule } from './schedule.js';

/**
 * The shortest beginning of a schedule that still fails, and what it showed. Time is real, so that a failure may stay
 * away: each beginning is played up to `attemptCount` times.
 */
export async function shortest(
  failed: Played,
  play: (schedule: Schedule) => Promise<Played>,
  attemptCount = 2,
): Promise<Played> {
  const { schedule } = failed;
  for (let length = 0; length < schedule.blows.length; length++) {
    const shorter = { ...schedule, blows: schedule.blows.slice(0, length) };
    for (let attempt = 0; attempt < attemptCount; attempt++) {
      const played = await play(shorter);
      if (played.violations.length > 0) return played;
    }
  }
  return failed;
}
