import { expect, it } from 'vitest';
import { mergedPage } from '../../../src/processes/merged-page.js';

const page = (value: number): string => `# HELP gantry_sessions Sessions.
# TYPE gantry_sessions gauge
gantry_sessions ${value}

# HELP gantry_calls_total Calls.
# TYPE gantry_calls_total counter
gantry_calls_total{result="done"} ${value}
gantry_calls_total{result="a \\"b} 1"} 2
`;

it('gives each sample the label of its process, each metric one head, and no metric two places', () => {
  const merged = mergedPage([
    { process: 0, page: page(3) },
    { process: 1, page: page(4) },
  ]);
  expect(merged).toBe(`# HELP gantry_sessions Sessions.
# TYPE gantry_sessions gauge
gantry_sessions{process="0"} 3
gantry_sessions{process="1"} 4
# HELP gantry_calls_total Calls.
# TYPE gantry_calls_total counter
gantry_calls_total{process="0",result="done"} 3
gantry_calls_total{process="0",result="a \\"b} 1"} 2
gantry_calls_total{process="1",result="done"} 4
gantry_calls_total{process="1",result="a \\"b} 1"} 2
`);
});

it('leaves out a process that has answered with nothing', () => {
  expect(
    mergedPage([
      { process: 0, page: '' },
      { process: 1, page: page(4) },
    ]),
  ).toContain('gantry_sessions{process="1"} 4');
});
