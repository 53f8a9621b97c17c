// Writes the golden data of this release: test/fixtures/golden/<version>/tasks.sqlite, a data folder as this release
// leaves it, and expected.json, what was in it. A later release must read both (D15). Run once a release, after `npm
// run build`: node scripts/golden.mjs
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openEngine, serverInfo } from '../dist/compose.js';
import { loadConfig } from '../dist/config.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = join(root, 'test/fixtures/golden', serverInfo().version);
const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const me = 'local';

const DEFINITIONS = {
  adds: `
variables: { input: { n: 1 } }
steps:
  - { id: sum, type: set, values: { twice: '{{input.n}}' }, assign: { variables.saved.last: '{{input.n}}' } }
  - { id: said, type: emit, message: 'n is {{input.n}}' }
output: { n: '{{sum.output.twice}}' }
`,
  fails:
    "steps:\n  - { id: a, type: set, values: { x: 1 } }\n  - { id: f, type: fail, code: mine, message: 'as planned' }\n",
  asks: `
steps:
  - { id: before, type: set, values: { at: first } }
  - { id: q, type: elicit, message: 'Go on?', schema: { type: object, properties: { ok: { type: boolean } }, required: [ok] } }
  - { id: after, type: set, values: { ok: '{{q.output.ok}}' } }
output: { ok: '{{after.output.ok}}', before: '{{before.output.at}}' }
`,
  waits: `
steps:
  - id: each
    type: foreach
    items: [x, y]
    steps:
      - { id: note, type: set, values: { item: '{{item}}' } }
  - { id: nap, type: wait, seconds: 120 }
  - { id: end, type: set, values: { awake: true } }
output: { awake: '{{end.output.awake}}' }
`,
  calls_child:
    "steps:\n  - { id: sub, type: workflow, workflow: asks, input: {} }\noutput: { child: '{{sub.output.ok}}' }\n",
};

const folder = await mkdtemp(join(tmpdir(), 'mcp-workflow-golden-'));
await mkdir(join(folder, 'definitions'));
for (const [name, text] of Object.entries(DEFINITIONS)) {
  await writeFile(join(folder, 'definitions', `${name}.yaml`), `name: ${name}\n${text}`);
}
await writeFile(join(folder, 'servers.json'), '{"mcpServers":{}}');
const engine = await openEngine(loadConfig({}, {}, folder), { claims: 'all', logger: silent });
const { tasks } = engine;

async function until(taskId, status) {
  for (let rev = 0; ;) {
    const view = await tasks.waitForChange(taskId, me, rev, AbortSignal.timeout(20_000));
    if (view.status === status) return view;
    ({ rev } = view);
  }
}

const create = (workflow, more = {}) => tasks.create({ workflow, arguments: {}, principal: me, ...more });
const ids = {
  completed: (await create('adds', { arguments: { n: 21 }, idempotencyKey: 'golden' })).taskId,
  failed: (await create('fails')).taskId,
  cancelled: (await create('waits')).taskId,
  asking: (await create('asks')).taskId,
  waiting: (await create('waits')).taskId,
  parent: (await create('calls_child')).taskId,
  strangers: (await create('adds', { principal: 'stranger' })).taskId,
};
await until(ids.completed, 'completed');
await until(ids.failed, 'failed');
await tasks.cancel(ids.cancelled, me, 'enough');
await until(ids.asking, 'input_required');
for (;;) {
  const steps = await tasks.steps(ids.waiting, me);
  if (steps.some(({ path }) => path === 'nap')) break;
  await new Promise((resolve) => setTimeout(resolve, 20));
}
for (;;) {
  const { tasks: children } = await tasks.list({ principal: me, workflow: 'asks', status: 'input_required' });
  if (children.length === 2) break;
  await new Promise((resolve) => setTimeout(resolve, 20));
}
const ended = {};
for (const name of ['completed', 'failed', 'cancelled']) {
  ended[name] = { view: await tasks.get(ids[name], me), outcome: await tasks.outcome(ids[name], me) };
}
const listed = (await tasks.list({ principal: me })).tasks.map(({ taskId }) => taskId);
await engine.close();
await mkdir(target, { recursive: true });
await cp(join(folder, 'data', 'tasks.sqlite'), join(target, 'tasks.sqlite'));
await writeFile(
  join(target, 'expected.json'),
  `${JSON.stringify({ writtenAt: Date.now(), ids, ended, listed }, null, 2)}\n`,
);
await rm(folder, { recursive: true });
console.log(`written to ${target}`);
