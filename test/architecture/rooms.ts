/**
 * The rooms of `src` in reading order, and what each may import beside itself: a room, or one file of it. The same
 * arrows stand in .oxlintrc.json (so that the editor shows them) and in docs/architecture.md; tests compare the three.
 */
export const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  core: [],
  definition: ['core'],
  engine: ['core', 'definition'],
  steps: ['core', 'definition', 'engine'],
  store: ['core'],
  tasks: ['core', 'definition', 'engine', 'store/scan.ts', 'store/task-store.ts'],
  planner: ['core', 'definition', 'engine', 'tasks', 'store/task-store.ts'],
  rehearsal: ['core', 'definition', 'engine'],
  migrate: ['core', 'store', 'tasks/keys.ts', 'tasks/process-probe.ts', 'tasks/runner-registry.ts'],
  schedule: ['core', 'definition', 'tasks', 'store/task-store.ts'],
  downstream: ['core', 'definition', 'engine/ports.ts'],
  models: [
    'core',
    'definition',
    'engine/ports.ts',
    'downstream/deadline.ts',
    'downstream/redaction.ts',
    'downstream/servers-file.ts',
    'downstream/substitution.ts',
    'downstream/turnstile.ts',
  ],
  protocol: ['core', 'definition', 'engine/journal.ts', 'engine/ports.ts', 'tasks', 'store/task-store.ts'],
  transports: ['core', 'definition', 'tasks', 'protocol', 'store/task-store.ts'],
  rest: ['core', 'definition', 'engine/journal.ts', 'tasks', 'schedule', 'protocol', 'store/task-store.ts'],
  ui: [],
  logging: ['core'],
  settings: ['engine/limits.ts', 'tasks/limits.ts'],
  config: ['core', 'settings.ts', 'engine/limits.ts', 'tasks/limits.ts'],
  compose: [
    'core',
    'definition',
    'engine',
    'steps',
    'tasks',
    'planner',
    'rehearsal',
    'store',
    'migrate',
    'schedule',
    'downstream',
    'models',
    'protocol',
    'transports',
    'rest',
    'ui',
    'logging',
    'config.ts',
    'settings.ts',
  ],
  cli: [
    'core',
    'definition',
    'engine',
    'steps',
    'tasks',
    'schedule',
    'downstream',
    'models',
    'protocol',
    'transports',
    'store',
    'migrate',
    'planner',
    'rehearsal',
    'logging',
    'config.ts',
    'settings.ts',
    'compose.ts',
  ],
};

export const ROOMS: readonly string[] = Object.keys(ALLOWED);

/** The same table as the linter's rule: for each room, what its files must not import. */
export function lintOverrides(): readonly object[] {
  return ROOMS.map((room) => {
    const allowed = ALLOWED[room] ?? [];
    const forbidden = ROOMS.filter(
      (other) => other !== room && !allowed.includes(other) && !allowed.includes(`${other}.ts`),
    );
    const up = SINGLE_FILES.has(room) ? '.' : '../**';
    const doors = allowed.filter((door) => door.includes('/')).map((door) => `!${up}/${door}`);
    const group = forbidden.map((other) => (SINGLE_FILES.has(other) ? `${up}/${other}.ts` : `${up}/${other}/**`));
    const message = `${room} may import ${allowed.join(', ') || 'nothing of ours'} (docs/architecture.md)`;
    return {
      files: [SINGLE_FILES.has(room) ? `src/${room}.ts` : `src/${room}/**`],
      rules: { 'no-restricted-imports': ['error', { patterns: [{ group: [...group, ...doors], message }] }] },
    };
  });
}

const SINGLE_FILES: ReadonlySet<string> = new Set(['config', 'settings', 'compose']);

/**
 * Files below compose that read the machine's clock, and why. It is no source of behaviour there: only a stop for work
 * that does not end by itself.
 */
export const OWN_CLOCK: Readonly<Record<string, string>> = {
  'core/clock.ts': 'it is the clock',
};
