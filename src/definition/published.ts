/** What several definitions publish under one name. */
import type { Issue, LoadedDefinition } from './model.ts';

/**
 * A warning for every prompt and resource that is not served because another definition has its name or URI. Workflows'
 * names come first, then the definitions in the order given.
 */
export function publishedTwice(definitions: readonly LoadedDefinition[]): Issue[] {
  const prompts = new Map(definitions.map((loaded) => [loaded.definition.name, loaded]));
  const uris = new Map<string, LoadedDefinition>();
  return definitions.flatMap((loaded) => {
    const { definition } = loaded;
    const issues: Issue[] = [];
    const name = definition.prompt?.name;
    if (name !== undefined && name !== definition.name) {
      const first = taken(prompts, name, loaded);
      if (first !== loaded) issues.push(twice(loaded, 'duplicate_name', `the prompt '${name}'`, first));
    }
    for (const { uri, uri_template: template } of definition.resources ?? []) {
      const address = uri ?? template ?? '';
      const first = taken(uris, address, loaded);
      if (first !== loaded) issues.push(twice(loaded, 'duplicate_uri', `the resource '${address}'`, first));
    }
    return issues;
  });
}

/** The one who has it; `loaded`, if nobody had. */
function taken(owners: Map<string, LoadedDefinition>, name: string, loaded: LoadedDefinition): LoadedDefinition {
  const first = owners.get(name) ?? loaded;
  owners.set(name, first);
  return first;
}

function twice(loaded: LoadedDefinition, code: string, what: string, first: LoadedDefinition): Issue {
  return {
    severity: 'warning',
    file: loaded.file,
    line: 1,
    column: 1,
    code,
    message: `${what} is also in ${first.file}`,
    hint: 'that one is served',
  };
}
