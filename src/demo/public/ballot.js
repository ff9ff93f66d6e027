/** The votes application, apart from how it is shown. Runs in a browser and in Node.js alike. */

export const FLAVOURS = ['banana', 'chocolate', 'lemon'];

export const PROCEDURES = {
  list: 'com.example.votes.list',
  vote: 'com.example.votes.vote',
  reset: 'com.example.votes.reset',
};
export const TOPICS = {
  /** One argument: every flavour's count. */
  changed: 'com.example.votes.changed',
};

export const NO_BACK_END = new Set([
  'wamp.error.no_such_procedure',
  'wamp.error.canceled',
  'wamp.error.no_available_callee',
]);

/** Counts the votes. Lives as long as the back end does. */
export function createBallot() {
  let counts = empty();
  return {
    counts: () => ({ ...counts }),
    vote(flavour) {
      if (!FLAVOURS.includes(flavour)) return false;
      counts[flavour] += 1;
      return true;
    },
    reset() {
      counts = empty();
    },
  };
}

function empty() {
  return Object.fromEntries(FLAVOURS.map((flavour) => [flavour, 0]));
}

/**
 * Offers the ballot on a WAMP session. Rejects when another back end already does.
 * It calls `onCall(procedure, counts)` for every call that it has served.
 */
export async function serveBallot(autobahn, session, ballot, onCall = () => undefined) {
  const changed = (procedure) => {
    const counts = ballot.counts();
    session.publish(TOPICS.changed, [counts]);
    onCall(procedure, counts);
    return counts;
  };
  await session.register(PROCEDURES.list, () => ballot.counts());
  await session.register(PROCEDURES.vote, ([flavour]) => {
    if (!ballot.vote(flavour))
      throw new autobahn.Error('com.example.votes.unknown_flavour', [`choose one of ${FLAVOURS.join(', ')}`]);
    return changed('vote');
  });
  await session.register(PROCEDURES.reset, () => {
    ballot.reset();
    return changed('reset');
  });
  session.publish(TOPICS.changed, [ballot.counts()]);
}
