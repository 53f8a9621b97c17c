import { createHash, randomUUID } from 'node:crypto';
import { systemClock } from '../../src/core/clock.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { Definition, LoadedDefinition } from '../../src/definition/model.ts';
import type { StepSyntax, StepSyntaxTable } from '../../src/definition/step-syntax.ts';
import { DEFAULT_PROTOCOL_SETTINGS, type DefinitionSource, type ProtocolDeps } from '../../src/protocol/deps.ts';
import { stepKinds } from '../../src/steps/index.ts';
import { FakeTaskService, type FakeWorkflow } from './fake-task-service.ts';

/** A definition with everything a protocol test does not care about filled in. */
export function definitionOf(name: string, more: Partial<Definition> = {}): Definition {
  return {
    name,
    tags: [],
    variables: { input: {}, global: {}, saved: {} },
    input_schema: { type: 'object' },
    task: 'optional',
    strict: false,
    secrets: [],
    steps: [],
    conditionals: [],
    tests: [],
    ...more,
  };
}

/** Definitions in memory that can be exchanged, with their change event. */
export class MemoryDefinitions implements DefinitionSource {
  readonly #loaded = new Map<string, LoadedDefinition>();
  readonly #listeners = new Set<() => void>();

  set(definition: Definition, files?: LoadedDefinition['files']): void {
    const digest = createHash('sha256').update(JSON.stringify(definition)).digest('hex');
    const loaded = { definition, digest, file: `${definition.name}.yaml` };
    this.#loaded.set(definition.name, files === undefined ? loaded : { ...loaded, files });
    for (const listener of this.#listeners) listener();
  }

  list(): readonly LoadedDefinition[] {
    return [...this.#loaded.values()];
  }

  get(name: string): LoadedDefinition | undefined {
    return this.#loaded.get(name);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** The kinds that there are, and one that nobody knows the effects of. */
export const testSyntaxes: StepSyntaxTable = new Map<string, StepSyntax>([
  ...stepKinds,
  [
    'code',
    {
      type: 'code',
      effect: 'acts',
      blocks: () => [],
      fields: () => ({}),
      expressions: () => [],
      servers: () => [],
      summary: '',
      example: '',
    },
  ],
]);

/** Deps over a fake task service, with room for what a test wants different. */
export function protocolDeps(more: Partial<ProtocolDeps> = {}): ProtocolDeps & {
  readonly tasks: FakeTaskService;
  readonly definitions: MemoryDefinitions;
  /** Publishes a scripted workflow. */
  publish(name: string, workflow: FakeWorkflow, definition?: Partial<Definition>): void;
} {
  const tasks = new FakeTaskService();
  const definitions = new MemoryDefinitions();
  return {
    facts: () => undefined,
    syntaxes: testSyntaxes,
    schema: (): JsonObject => ({ $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object' }),
    logger: silentLogger,
    clock: systemClock,
    ids: randomUUID,
    settings: DEFAULT_PROTOCOL_SETTINGS,
    health: () => ({ ready: true, problems: [] }),
    metrics: () => 'mcp_workflow_up 1\n',
    serverInfo: { name: 'mcp-workflow-engine', version: '0.0.0-test' },
    ...more,
    tasks,
    definitions,
    publish(name, workflow, definition = {}) {
      tasks.define(name, workflow);
      definitions.set(definitionOf(name, definition));
    },
  };
}
