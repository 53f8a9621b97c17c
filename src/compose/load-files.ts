import type { Config } from '../config.ts';
import { ConfigError } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import { messageOf } from '../core/failure.ts';
import type { Logger } from '../core/logger.ts';
import { DefinitionsFolderError } from '../definition/definition-files.ts';
import { DefinitionRegistry, issueText } from '../definition/registry.ts';
import { parseServersFile } from '../downstream/catalog.ts';
import type { ServerCatalog } from '../downstream/server-config.ts';
import { readServersFile } from '../downstream/servers-file.ts';
import type { ModelCatalog } from '../models/model-entry.ts';
import { readModels } from '../models/open.ts';
import { stepSyntaxes } from '../steps/index.ts';

/** `errors`: who only looks at tasks can do so with a servers file that is wrong. */
export async function loadCatalog(
  config: Config,
  logger: Logger,
  errors: 'refuse' | 'pass over',
): Promise<ServerCatalog> {
  const unreadable = (why: string): ConfigError =>
    new ConfigError([`${config.servers}: the servers file cannot be read (${why}): name another with --servers`]);
  const text = await readServersFile(config.servers).catch((error: unknown) => {
    throw unreadable(messageOf(error));
  });
  if (text === undefined) {
    if (config.serversGiven) throw unreadable('it does not exist');
    logger.warn({ file: config.servers }, 'no servers file: workflows that call servers will fail');
    return { file: config.servers, servers: new Map() };
  }
  const { catalog, issues } = parseServersFile(text, config.servers);
  const wrong = issues.filter((issue) => issue.severity === 'error');
  if (wrong.length > 0 && errors === 'refuse') throw new ConfigError(wrong.map(issueText));
  for (const issue of issues) logger.warn({ code: issue.code }, issueText(issue));
  return catalog;
}

/** The models file; `undefined` where there is none. */
export async function loadModels(
  config: Config,
  logger: Logger,
  errors: 'refuse' | 'pass over',
): Promise<ModelCatalog | undefined> {
  const unreadable = (why: string): ConfigError =>
    new ConfigError([`${config.models}: the models file cannot be read (${why}): name another with --models`]);
  const { catalog, issues } = await readModels(config.models).catch((error: unknown) => {
    throw unreadable(messageOf(error));
  });
  if (catalog === undefined && config.modelsGiven) throw unreadable('it does not exist');
  const wrong = issues.filter((issue) => issue.severity === 'error');
  if (wrong.length > 0 && errors === 'refuse') throw new ConfigError(wrong.map(issueText));
  for (const issue of issues) logger.warn({ code: issue.code }, issueText(issue));
  return catalog;
}

/** The definitions of the folder. `optional`: a folder that is not there has none. */
export async function loadDefinitions(
  config: Config,
  catalog: ServerCatalog,
  models: ModelCatalog | undefined,
  logger: Logger,
  optional: boolean,
): Promise<DefinitionRegistry> {
  const options = {
    dir: config.definitions,
    syntaxes: stepSyntaxes,
    servers: new Set(catalog.servers.keys()),
    ...(models === undefined ? {} : { models: new Set(models.models.keys()) }),
    logger,
    clock: systemClock,
  };
  try {
    return await DefinitionRegistry.load(options);
  } catch (error) {
    if (error instanceof DefinitionsFolderError && optional) return DefinitionRegistry.empty(options);
    if (error instanceof DefinitionsFolderError) throw new ConfigError([error.message]);
    throw error;
  }
}
