import { describe, expect, it } from 'vitest';
import { queryFlaw } from '../../../src/bridge/query.js';

describe('the query of a request', () => {
  it.each(['', 'topic=com.example.a', 'topic=%C3%BC&a=b%20c+d', 'topic=ü', 'a=%EF%BF%BD', '&&==&', 'a=%F0%9F%90%9D'])(
    'is readable: %s',
    (query) => expect(queryFlaw(query)).toBeUndefined(),
  );

  it.each([
    'topic=%ff',
    'topic=%FF%FE',
    'topic=%C3',
    'topic=%C3&a=%BC',
    'topic=%C0%AF',
    'topic=%ED%A0%80',
    'topic=%F4%90%80%80',
    'topic=%',
    'topic=%2',
    'topic=%zz',
    'topic=%u00fc',
    'other=%ff&topic=com.example.a',
    '%ff=1',
    'topic=\ufffd',
  ])('is refused with 400: %s', (query) =>
    expect(queryFlaw(query)).toMatchObject({ kind: 'refusal', status: '400', outcome: 'bad_request' }),
  );
});
