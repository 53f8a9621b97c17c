import type { Issue } from '../definition/model.ts';
import { readServersFile } from '../downstream/servers-file.ts';
import type { ModelCatalog } from './model-entry.ts';
import { parseModelsFile } from './models-file.ts';

/** What the models file says; `catalog` is absent where there is no such file. */
export interface ModelsRead {
  readonly catalog?: ModelCatalog;
  readonly issues: readonly Issue[];
}

/**
 * Reads a models file under the name that messages use for it. Rejects when it cannot be read, or is larger than 1 MiB.
 */
export async function readModels(path: string, file = path): Promise<ModelsRead> {
  const text = await readServersFile(path);
  return text === undefined ? { issues: [] } : parseModelsFile(text, file);
}
