import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/core/outcome.ts';
import { definitionOf } from '../support/engine-world.ts';
import { KeyvTaskStore } from '../../src/store/keyv-task-store.ts';
import { LOCAL_PRINCIPAL } from '../../src/tasks/task.ts';
import type { TaskView } from '../../src/tasks/task.ts';
import { DurableWorld } from '../support/durable-world.ts';
import { tempDir } from '../support/temp-dir.ts';

const me = LOCAL_PRINCIPAL;
const folder = fileURLToPath(new URL('../fixtures/golden', import.meta.url));
const releases = readdirSync(folder);

/** What `scripts/golden.mjs` noted when it wrote the data. */
interface Golden {
  readonly writtenAt: number;
  readonly ids: Readonly<Record<string, string>>;
  readonly ended: Readonly<Record<string, { readonly view: TaskView; readonly outcome: Outcome }>>;
  readonly listed: readonly string[];
}

it('there is golden data of this release', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  };
  expect(releases).toContain(manifest.version);
});

describe.each(releases)('data written by release %s', (release) => {
  it('is read as it was, and its open tasks go on to their end (D15)', async () => {
    const golden = JSON.parse(readFileSync(join(folder, release, 'expected.json'), 'utf8')) as Golden;
    const copy = await tempDir();
    const path = join(copy.path, 'tasks.sqlite');
    cpSync(join(folder, release, 'tasks.sqlite'), path);
    // No definition is loaded but one of another content: open tasks have their own.
    const definitions = [definitionOf([{ id: 'other', type: 'set', values: {} }], { name: 'adds' })];
    const world = new DurableWorld({ open: () => KeyvTaskStore.open(path), definitions, onDisk: true });
    world.clock.setWall(golden.writtenAt + 10_000);
    const idOf = (name: string): string => golden.ids[name] ?? '';
    try {
      await world.during(
        (async () => {
          for (const [name, { view, outcome }] of Object.entries(golden.ended)) {
            expect(await world.call((tasks) => tasks.get(idOf(name), me))).toEqual(view);
            expect(await world.outcome(idOf(name))).toEqual(outcome);
          }
          const { tasks: listed } = await world.call((tasks) => tasks.list({ principal: me }));
          expect(listed.map(({ taskId }) => taskId)).toEqual(golden.listed);
          expect(await world.call(async (tasks) => [await tasks.get(idOf('strangers'), me)])).toEqual([undefined]);
          const again = { workflow: 'adds', arguments: { n: 21 }, principal: me, idempotencyKey: 'golden' };
          expect((await world.call((tasks) => tasks.create(again))).taskId).toBe(idOf('completed'));

          const answer = (): { readonly action: string; readonly content: { readonly ok: boolean } } => ({
            action: 'accept',
            content: { ok: true },
          });
          const outputs: unknown[] = [];
          for (const name of ['asking', 'waiting', 'parent']) {
            const view = await world.untilEnded(idOf(name), answer);
            expect(view.status, name).toBe('completed');
            const outcome = await world.outcome(idOf(name));
            outputs.push(outcome?.kind === 'result' ? outcome.output : outcome);
            const journal = await world.journal(idOf(name));
            expect(journal.map(({ seq }) => seq)).toEqual(journal.map((_, index) => index + 1));
            const finished = journal.flatMap((entry) => (entry.type === 'finished' ? [entry.path] : []));
            expect(new Set(finished).size).toBe(finished.length);
          }
          expect(outputs).toEqual([{ ok: true, before: 'first' }, { awake: true }, { child: true }]);
          const waited = await world.call((tasks) => tasks.get(idOf('waiting'), me));
          expect((waited?.endedAt ?? 0) - (waited?.createdAt ?? 0)).toBeGreaterThanOrEqual(120_000);
        })(),
      );
    } finally {
      await world.dispose();
      await copy.remove();
    }
  });
});
