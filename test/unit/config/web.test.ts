import { describe, expect, it } from 'vitest';
import { loadConfig, parseConfig } from '../../../src/config/load.js';
import { planReload } from '../../../src/config/reload.js';
import type { ConfigInput } from '../../../src/config/schema.js';

const redirect = { type: 'redirect', url: '/new' } as const;
const files = { type: 'static', directory: 'public' } as const;
const withoutDemo: ConfigInput = { demo: { enabled: false } };

function parse(paths: Record<string, unknown>, rest: ConfigInput = withoutDemo): () => unknown {
  return () => parseConfig({ ...rest, web: { paths } } as ConfigInput);
}

describe('the paths of web', () => {
  it('have defaults', () => {
    expect(parse({ '/': files, '/old': redirect, '/config.json': { type: 'json', value: null } })()).toMatchObject({
      web: {
        paths: {
          '/': { index: 'index.html', precompressed: true, cacheSeconds: 0, headers: {}, immutable: [] },
          '/old': { status: 302 },
          '/config.json': { value: null },
        },
        maxFileBytes: 104_857_600,
        maxFileAnswers: 256,
      },
    });
  });

  it.each([
    [{ '/ws/': files }, 'web.paths./ws/: Path "/ws/" is that of listen.path'],
    [{ '/lp/assets': files }, 'Path "/lp/assets" is that of longPoll.path: give one of them another path'],
    [{ '/console/x': redirect }, 'Path "/console/x" is that of the console'],
    [{ '/publish/x': redirect }, 'Path "/publish/x" is that of httpBridge[0]'],
    [{ '/a': files, '/a/': redirect }, 'Path "/a/" is there twice'],
    [{ a: files }, 'Invalid path'],
    [{ '/a?b': files }, 'Invalid path'],
    [{ '/a': { type: 'path' } }, 'web.paths./a.type'],
    [{ '/a': { type: 'static' } }, 'web.paths./a.directory: Missing'],
    [{ '/a': { type: 'json' } }, 'web.paths./a.value: Missing'],
    [{ '/a': { ...files, spaFallback: '../x' } }, 'web.paths./a.spaFallback: Invalid name'],
    [{ '/a': { ...files, index: '.env' } }, 'web.paths./a.index: Invalid name'],
    [{ '/a': { ...files, url: '/x' } }, 'Unrecognized key: "url"'],
    [{ '/a': { ...redirect, url: 'a\r\nb' } }, 'web.paths./a.url: Invalid URL'],
    [{ '/a': { ...redirect, status: 200 } }, 'web.paths./a.status'],
    [{ '/a': { ...files, headers: { 'Content-Length': '1' } } }, 'the router decides on this header'],
    [{ '/a': { ...files, headers: { 'X-A': 'a\nb' } } }, 'expected printable ASCII'],
  ])('are refused as %j', (paths, message) => {
    const service = { type: 'publisher', path: '/publish', realm: 'realm1', role: 'anonymous' } as const;
    const rest = { ...withoutDemo, console: { enabled: true }, httpBridge: [service] };
    expect(parse(paths, rest)).toThrow(message);
  });

  it('leave "/" to the demo where it is enabled, and may be below other paths where those are exact', () => {
    expect(parse({ '/': files }, {})).toThrow('Path "/" is that of the demo: set demo.enabled: false');
    expect(parse({ '/app': files, '/ws/files': files, '/app/old': redirect }, {})).not.toThrow();
  });

  it('come from a variable as one value, and a change needs a restart', () => {
    const environment = { GANTRY_WEB_PATHS: JSON.stringify({ '/old': redirect }) };
    const config = loadConfig({ environment });
    expect(config.web.paths).toEqual({ '/old': { ...redirect, status: 302 } });
    const plan = planReload(parseConfig({}), config);
    expect(plan.needsRestart).toEqual(['web.paths']);
    expect(plan.config.web.paths).toEqual({});
  });
});
