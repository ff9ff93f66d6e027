import { fileIn } from './crossbar-files.js';
import type { FoundService } from './crossbar-longpoll.js';
import type { Section } from './report.js';

type Fields = Record<string, unknown>;

const TYPES = ['static', 'json', 'redirect'] as const;
type WebPathType = (typeof TYPES)[number];

/** A web service that `web.paths` has too. */
export interface FoundWebPath extends FoundService {
  readonly type: WebPathType;
}

/** A file name that `web.paths.{path}.spaFallback` accepts. */
const FILE_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/;
const YEAR_SECONDS = 31_536_000;

export function isWebPath(type: string | undefined): type is WebPathType {
  return TYPES.some((one) => one === type);
}

/** The `web.paths` of a transport. `folder`: of the foreign configuration, to which its directories are relative. */
export function convertWebPaths(found: readonly FoundWebPath[], folder: string): Fields {
  const paths: Fields = {};
  for (const { path, type, service } of found) {
    const converted = convertWebPath(type, service, folder);
    if (converted !== undefined) paths[path] = { type, ...converted };
    service.end();
  }
  return paths;
}

function convertWebPath(type: WebPathType, service: Section, folder: string): Fields | undefined {
  switch (type) {
    case 'static':
      return convertStatic(service, folder);
    case 'json':
      service.leave('the answer has no space and pages of its origin may read it', 'options');
      return { value: service.take('value') ?? null };
    case 'redirect':
      return { url: service.text('url') };
  }
}

function convertStatic(service: Section, folder: string): Fields | undefined {
  const directory = service.text('directory');
  service.leave('files of a Python package are not there: copy them into a directory', 'package', 'resource');
  const options = service.section('options');
  if (directory === undefined) {
    service.report.note(service.path, 'has no directory and was left out');
    return undefined;
  }
  const seconds = options?.count('cache_timeout');
  const file = options?.text('default_file');
  if (options?.flag('enable_directory_listing') === true)
    options.report.note(options.at('enable_directory_listing'), 'a directory is never listed');
  options?.leave('the router has its own list of content types', 'mime_types');
  const isFile = file !== undefined && FILE_NAME.test(file);
  if (file !== undefined && !isFile)
    options?.report.note(options.at('default_file'), 'must be a file of the directory');
  options?.end();
  return {
    directory: fileIn(folder, directory),
    ...(seconds !== undefined && { cacheSeconds: Math.min(seconds, YEAR_SECONDS) }),
    ...(isFile && { spaFallback: file }),
  };
}
