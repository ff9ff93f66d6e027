import { isTroubled, type Terms } from '../checker/judge.js';
import { endOf, type Journal } from '../checker/journal.js';
import type { Router } from './router.js';

/** Between a fault and the end of the sample that shows it. */
const SAMPLE_SLACK_MS = 1_500;

/** Nobody hears twice that a node is gone (G5). */
export function judgeGone(routers: readonly Router[]): string[] {
  return routers.flatMap((router) => {
    const heard = router
      .logged('backplane.node_gone')
      .map(({ fields, node }) => `${node ?? ''} of ${String(fields['peer'])}`);
    return [...new Set(heard)]
      .filter((peer) => heard.indexOf(peer) !== heard.lastIndexOf(peer))
      .map((peer) => `G5: heard more than once that a node is gone: ${peer}`);
  });
}

/** A node says that it is not ready only while something is wrong with it. That it does say so scenarios ask by themselves. */
export function judgeReadiness(routers: readonly Router[], given: Terms): string[] {
  const terms = { ...given, troubles: given.troubles.map((trouble) => ({ ...trouble, isDelay: false })) };
  return routers.flatMap(({ name, lives, working }) => {
    const wrong = working.find(
      ({ ready, ms }) => ready === false && !lives.some((node) => isTroubled(terms, node, ms - SAMPLE_SLACK_MS, ms)),
    );
    return wrong === undefined
      ? []
      : [`G6: ${name} said not ready (${wrong.reason ?? ''}) at ${new Date(wrong.ms).toISOString()} for no reason`];
  });
}

/** Seconds of that time in which no event, or no result, passed between sessions of one node (G6). */
export function silentSeconds(journal: Journal, nodes: readonly string[], fromMs: number, toMs: number): string[] {
  const silent: string[] = [];
  for (let second = fromMs; second + 1_000 <= toMs; second += 1_000) {
    const isNow = ({ ms }: { readonly ms: number }): boolean => ms >= second && ms < second + 1_000;
    for (const node of nodes) {
      const hasEvents = journal.sessions.some(
        (session) =>
          session.node === node &&
          session.events.some(
            (event) => isNow(event) && journal.publications[event.publication]?.session.node === node,
          ),
      );
      const hasResults = journal.calls.some((call) => {
        const end = endOf(call);
        return call.session.node === node && end?.error === '' && isNow(end);
      });
      const when = new Date(second).toISOString();
      if (!hasEvents) silent.push(`no event within ${node} in the second after ${when}`);
      if (!hasResults) silent.push(`no result at ${node} in the second after ${when}`);
    }
  }
  return silent;
}
