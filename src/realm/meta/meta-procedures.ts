import type { MetaHandlers, MetaSources } from './meta-handlers.js';
import { killProcedures } from './meta-kills.js';
import { Lists } from './meta-question.js';
import { registrationProcedures } from './meta-registrations.js';
import { subscriptionProcedures } from './meta-subscriptions.js';
import { sessionProcedures } from './meta-sessions.js';

/** A handler for each procedure of the table. */
export function createMetaHandlers(sources: MetaSources): MetaHandlers {
  const lists = new Lists(sources);
  return {
    ...sessionProcedures(sources, lists),
    ...killProcedures(sources),
    ...registrationProcedures(sources, lists),
    ...subscriptionProcedures(sources, lists),
  };
}
