// A million finished tasks in the store: start-up beside an empty store's, and pages of tasks/list over stdio.
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import sqlite3 from 'sqlite3';
import { encodeValue } from '../dist/store/value-codec.js';
import { KeyvTaskStore } from '../dist/store/keyv-task-store.js';
import { keys } from '../dist/tasks/keys.js';
import { LOCAL_PRINCIPAL } from '../dist/tasks/task.js';
import { flagsOf, folder } from './engine.mjs';
import { beside, percentile } from './numbers.mjs';
import { here, Pipe, runChild } from './process.mjs';

const TASKS = 1_000_000;
const DAY = 86_400_000;

export const name = 'history';
/** Takes minutes to seed: left out by `--quick`. */
export const slow = true;

export async function* figures() {
  const definitions = { one: { description: 'one step', steps: [{ id: 'only', type: 'set', values: { n: 1 } }] } };
  const full = await folder(definitions);
  const empty = await folder(definitions);
  try {
    await seed(flagsOf(full.path).data, TASKS);
    await (await KeyvTaskStore.open(join(flagsOf(empty.path).data, 'tasks.sqlite'))).close();
    const opening = async (path) => (await runChild(path, 'start'))[0].opened;
    const seen = await beside(
      7,
      () => opening(empty.path),
      () => opening(full.path),
    );
    yield {
      name: `opening with ${TASKS} finished tasks`,
      unit: 'ms',
      ...seen,
      floorName: 'opening an empty store',
      goal: { ratio: 1.5, at: 'most' },
    };
    yield await pages(full.path);
  } finally {
    await full.remove();
    await empty.remove();
  }
}

/** Pages one after another from the newest on, and the first page again and again. */
async function pages(path) {
  const { definitions, servers, data } = flagsOf(path);
  const pipe = new Pipe([
    ...[here('../dist/cli.js'), 'serve', '--stdio', '--definitions', definitions, '--servers', servers],
    ...['--data', data, '--log-level', 'warn'],
  ]);
  try {
    await pipe.initialize();
    const times = [];
    let cursor;
    for (let page = 0; page < 600; page += 1) {
      const began = performance.now();
      const found = await pipe.request('tasks/list', page % 3 === 0 || cursor === undefined ? {} : { cursor });
      times.push(performance.now() - began);
      if (found.tasks.length === 0 || found.nextCursor === undefined) throw new Error('the list ended');
      if (page % 3 !== 0 || cursor === undefined) cursor = found.nextCursor;
    }
    return {
      name: `page of tasks/list with ${TASKS} finished tasks, p99`,
      unit: 'ms',
      value: percentile(times, 99),
      goal: { value: 20, at: 'most' },
    };
  } finally {
    await pipe.close();
  }
}

/**
 * Writes finished one-step tasks as the store writes them, but in bulk and in the order of keys. Ids are random and
 * times are spread over them, so that the tasks of a page lie all over the file.
 */
async function seed(data, count) {
  await mkdir(data, { recursive: true });
  const file = join(data, 'tasks.sqlite');
  await (await KeyvTaskStore.open(file)).close();
  const ids = Array.from({ length: count }, () => randomBytes(16).toString('hex')).sort();
  const now = Date.now();
  // 7 919 is prime to the count: every position has one time and every time one position.
  const position = (time) => (time * 7919) % count;
  const created = new Float64Array(count);
  for (let time = 0; time < count; time += 1) created[position(time)] = now - DAY - time * 100;
  const week = 7 * DAY;
  const digest = 'a'.repeat(64);
  const rows = {
    *args() {
      for (const id of ids) yield [keys.args(id), { arguments: {}, saved: {} }];
    },
    *ends() {
      for (let time = count - 1; time >= 0; time -= 1) {
        const at = position(time);
        yield [keys.end(created[at] + week, ids[at]), null];
      }
    },
    *journal() {
      for (const [at, id] of ids.entries()) {
        const result = { status: 'completed', output: { n: 1 }, attempts: 1 };
        const entry = { type: 'finished', path: 'only', step: 'only', kind: 'set', startedAt: created[at], result };
        yield [keys.entry(id, 1), { ...entry, seq: 1, at: created[at] + 1 }];
        yield [keys.entry(id, 2), { type: 'settled', status: 'completed', seq: 2, at: created[at] + 1 }];
      }
    },
    *list() {
      for (let time = 0; time < count; time += 1) {
        const at = position(time);
        yield [keys.list({ principal: LOCAL_PRINCIPAL, createdAt: created[at], id: ids[at] }), null];
      }
    },
    *outcomes() {
      const output = { result: { n: 1 } };
      const result = { content: [{ type: 'text', text: JSON.stringify(output) }], structuredContent: output };
      for (const id of ids) yield [keys.outcome(id), { kind: 'result', result, output }];
    },
    *tasks() {
      for (const [at, id] of ids.entries()) yield [keys.task(id), record(id, created[at], week, digest)];
    },
  };
  const database = await promised((done) => {
    const opened = new sqlite3.Database(file, (error) => done(error, opened));
  });
  await promised((done) => database.exec('PRAGMA synchronous=OFF; PRAGMA cache_size=-200000; BEGIN', done));
  for (const of of [rows.args(), rows.ends(), rows.journal(), rows.list(), rows.outcomes(), rows.tasks()]) {
    await insert(database, of);
  }
  await promised((done) => database.exec('COMMIT; PRAGMA wal_checkpoint(TRUNCATE)', done));
  await promised((done) => database.close(done));
}

function record(id, createdAt, week, digest) {
  return {
    version: 1,
    id,
    workflow: 'one',
    digest,
    principal: LOCAL_PRINCIPAL,
    createdAt,
    updatedAt: createdAt + 1,
    expiresAt: createdAt + week,
    pollInterval: 1000,
    depth: 0,
    rev: 2,
    epoch: 1,
    seq: 2,
    inputCount: 0,
    message: 'completed',
    percent: 100,
    phases: [{ name: 'only', status: 'completed', startedAt: createdAt, endedAt: createdAt + 1 }],
    warnings: [],
    state: { kind: 'ended', status: 'completed', at: createdAt + 1 },
  };
}

const AT_ONCE = 400;

async function insert(database, rows) {
  const statement = await promised((done) => {
    const places = '(?,?),'.repeat(AT_ONCE).slice(0, -1);
    const made = database.prepare(`INSERT INTO tasks(key, value) VALUES ${places}`, (error) => done(error, made));
  });
  let values = [];
  for (const [key, value] of rows) {
    values.push(key, encodeValue(key, value).text);
    if (values.length < AT_ONCE * 2) continue;
    const full = values;
    values = [];
    await promised((done) => statement.run(full, done));
  }
  await promised((done) => statement.finalize(done));
  for (; values.length > 0; values = values.slice(2)) {
    const pair = values.slice(0, 2);
    await promised((done) => database.run('INSERT INTO tasks(key, value) VALUES (?,?)', pair, done));
  }
}

function promised(act) {
  return new Promise((resolve, reject) => {
    act((error, value) => (error ? reject(error) : resolve(value)));
  });
}
