import { describe, expect, it } from 'vitest';
import { NO_PAYLOAD } from '../../../../src/codec/payload.js';
import { admits, eventDetails, isOpenToAll } from '../../../../src/routing/broker/audience.js';
import type { Publication } from '../../../../src/routing/ports.js';
import type { PublicationId, SessionId } from '../../../../src/wamp/ids.js';
import { NO_DETAILS, type AudienceLists, type Passthru } from '../../../../src/wamp/options.js';
import { testPeer } from '../../../support/recording-outlet.js';

const publisher = testPeer({ authid: 'paula', authrole: 'sender' });
const receiver = testPeer({ authid: 'rita', authrole: 'reader' });
const otherSession = 987_654_321 as SessionId;

function publication(overrides: Partial<Publication> = {}): Publication {
  return {
    id: 1 as PublicationId,
    topic: 'com.app.topic',
    payload: NO_PAYLOAD,
    publisher,
    excludePublisher: true,
    disclosePublisher: false,
    ...overrides,
  };
}

const has: AudienceLists = {
  eligible: new Set([otherSession, receiver.session]),
  eligibleAuthid: new Set(['rita']),
  eligibleAuthrole: new Set(['reader']),
  exclude: new Set([receiver.session, otherSession]),
  excludeAuthid: new Set(['rita']),
  excludeAuthrole: new Set(['reader']),
};
const lacks: AudienceLists = {
  eligible: new Set([otherSession]),
  eligibleAuthid: new Set(['other']),
  eligibleAuthrole: new Set(['other']),
  exclude: new Set([otherSession]),
  excludeAuthid: new Set(['other']),
  excludeAuthrole: new Set(['other']),
};
const empty: AudienceLists = {
  eligible: new Set(),
  eligibleAuthid: new Set(),
  eligibleAuthrole: new Set(),
  exclude: new Set(),
  excludeAuthid: new Set(),
  excludeAuthrole: new Set(),
};
const eligibleLists = ['eligible', 'eligibleAuthid', 'eligibleAuthrole'] as const;
const excludeLists = ['exclude', 'excludeAuthid', 'excludeAuthrole'] as const;

describe('who gets an event', () => {
  it.each(eligibleLists)('needs to be in %s when it is there (BWL-1)', (list) => {
    expect(admits(publication({ audience: { [list]: has[list] } }), receiver)).toBe(true);
    expect(admits(publication({ audience: { [list]: lacks[list] } }), receiver)).toBe(false);
  });

  it.each(eligibleLists)('is nobody when %s is empty: presence decides (BWL-2)', (list) => {
    expect(admits(publication({ audience: { [list]: empty[list] } }), receiver)).toBe(false);
  });

  it.each(excludeLists)('must not be in %s (BWL-1)', (list) => {
    expect(admits(publication({ audience: { [list]: has[list] } }), receiver)).toBe(false);
    expect(admits(publication({ audience: { [list]: lacks[list] } }), receiver)).toBe(true);
    expect(admits(publication({ audience: { [list]: empty[list] } }), receiver)).toBe(true);
  });

  it('has to pass all six lists, in each of their 4,096 combinations (BWL-1)', () => {
    const states = [undefined, has, lacks, empty];
    for (let combination = 0; combination < 4 ** 6; combination++) {
      const audience: Record<string, NonNullable<AudienceLists[keyof AudienceLists]>> = {};
      let isExpected = true;
      [...eligibleLists, ...excludeLists].forEach((list, position) => {
        const state = states[Math.floor(combination / 4 ** position) % 4];
        if (state === undefined) return;
        audience[list] = state[list]!;
        isExpected &&= position < 3 ? state === has : state !== has;
      });
      expect(admits(publication({ audience }), receiver)).toBe(isExpected);
    }
  });

  it('is not the publishing session, unless it asks for that (BRK-7, 7.1)', () => {
    expect(admits(publication(), publisher)).toBe(false);
    expect(admits(publication(), receiver)).toBe(true);
    expect(admits(publication({ excludePublisher: false }), publisher)).toBe(true);
  });

  it('is another session of the publishing user: exclusion is by session (7.1)', () => {
    expect(admits(publication(), testPeer({ authid: publisher.authid, authrole: publisher.authrole }))).toBe(true);
  });

  it('is not the publisher either when it lists itself as eligible (BWL-4)', () => {
    expect(admits(publication({ audience: { eligible: new Set([publisher.session]) } }), publisher)).toBe(false);
  });

  it('is recognised by session id, since the publisher may be on another node (BWL-5)', () => {
    const elsewhere = { session: publisher.session, authid: 'paula', authrole: 'sender' };
    expect(admits(publication({ publisher: elsewhere }), publisher)).toBe(false);
  });

  it('is everybody only without lists and exclusion', () => {
    expect(isOpenToAll(publication({ excludePublisher: false }))).toBe(true);
    expect(isOpenToAll(publication())).toBe(false);
    expect(isOpenToAll(publication({ excludePublisher: false, audience: {} }))).toBe(false);
  });
});

describe('what an event has beside its payload', () => {
  const passthru: Passthru = { form: 'ppt', details: { ppt_scheme: 'x_secret', ppt_keyid: 'k' } };

  it('is nothing for an exact subscription (BRK-9)', () => {
    expect(eventDetails(publication(), { match: 'exact' })).toBe(NO_DETAILS);
  });

  it.each(['prefix', 'wildcard'] as const)('is the topic for a %s subscription (PBS-3)', (match) => {
    expect(eventDetails(publication(), { match })).toEqual({ topic: 'com.app.topic' });
  });

  it('is the publisher when disclosed (7.3)', () => {
    expect(eventDetails(publication({ disclosePublisher: true }), { match: 'exact' })).toEqual({
      publisher: publisher.session,
      publisher_authid: 'paula',
      publisher_authrole: 'sender',
    });
  });

  it('is what is passed through, with nothing of it able to pose as the router (PPT-1)', () => {
    const forged: Passthru = { form: 'ppt', details: { ...passthru.details, topic: 'forged', publisher: 1 } };
    expect(eventDetails(publication({ passthru }), { match: 'exact' })).toEqual(passthru.details);
    expect(eventDetails(publication({ passthru: forged, disclosePublisher: true }), { match: 'prefix' })).toEqual({
      ...passthru.details,
      topic: 'com.app.topic',
      publisher: publisher.session,
      publisher_authid: 'paula',
      publisher_authrole: 'sender',
    });
  });

  it('is built anew for each subscription, so that nothing leaks across (PBS-3, CID-4)', () => {
    const disclosed = publication({ disclosePublisher: true });
    const one = eventDetails(disclosed, { match: 'prefix' });
    const other = eventDetails(disclosed, { match: 'exact' });
    expect(one).not.toBe(other);
    expect(other).not.toHaveProperty('topic');
  });
});
