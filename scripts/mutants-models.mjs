// Planted bugs of the models room and of what pays for turns; the form is that of mutants-list.mjs.

const LLM = 'test/steps/llm-models.test.ts';
const POOL = 'test/unit/models/model-pool.test.ts';

export const MODEL_MUTANTS = [
  {
    id: 'paid-twice',
    bug: 'an answered turn is made again after a crash',
    guarantee: 'D3',
    file: 'src/engine/model-turn.ts',
    from: 'run.ports.journal.decision(path);',
    to: 'run.ports.journal.decision(`${path}?`);',
    test: LLM,
    name: 'pays no answered turn again, wherever it crashes',
  },
  {
    id: 'unreserved',
    bug: 'turns that are under way together do not see what the others may take',
    guarantee: 'budget',
    file: 'src/engine/run.ts',
    from: 'const next = this.#usage[what] + aside[what] + most;',
    to: 'const next = this.#usage[what] + most;',
    test: LLM,
    name: 'holds for turns that are under way together',
  },
  {
    id: 'forgotten-dollars',
    bug: 'what turns cost before a crash is forgotten',
    guarantee: 'budget',
    file: 'src/engine/run.ts',
    from: "if (entry.type === 'decision' && entry.used !== undefined) this.#count(entry.used);",
    to: '',
    test: LLM,
    name: 'counts what was paid before a crash, also of a step that has not ended',
  },
  {
    id: 'mended-for-ever',
    bug: 'a refusal is asked for again',
    guarantee: 'budget',
    file: 'src/engine/model-answer.ts',
    from: "return why !== 'refusal' && why !== 'maxTokens';",
    to: "return why !== 'maxTokens';",
    test: LLM,
    name: 'does not mend a refusal or a cut answer, with a schema or without',
  },
  {
    id: 'shown-key',
    bug: 'a key in an answer is shown',
    guarantee: 'secrets',
    file: 'src/models/model-pool.ts',
    from: 'redactor.json(await this.#turn(entry, provider, redactor, request, signal, workflow));',
    to: 'await this.#turn(entry, provider, redactor, request, signal, workflow);',
    test: POOL,
    name: 'takes keys out of answers',
  },
  {
    id: 'retried-refusal',
    bug: 'a call with a wrong parameter is tried again',
    guarantee: 'retries',
    file: 'src/models/failures.ts',
    from: 'if (!TRY_AGAIN.has(status) && status < 500)',
    to: 'if (!TRY_AGAIN.has(status) && status < 400)',
    test: 'test/unit/models/failures.test.ts',
    name: 'cannot',
  },
];
