import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { startHttpServer, type TestHttpServer } from '../../support/http-server.ts';
import { oddServer, openServersWorld, warningsOf, writeProgram, type ServersWorld } from './c-world.ts';

/** What a test's title says of a server, the name that it has here, and its entry. */
type Case = readonly [title: string, name: string, entry: JsonObject];

function casesOf(prefix: string, entries: Readonly<Record<string, JsonObject>>): readonly Case[] {
  return Object.entries(entries).map(([title, entry], index) => [title, `${prefix}_${index + 1}`, entry]);
}

/** Of a handshake that never ends, the end comes before that of the test. */
const SOON = { start_timeout_seconds: 60 };
const SECRET = 'pw-3f9a17c2d4';
/** `@` stands for the workspace, `#` for the home folder. */
const PLACES: readonly (readonly [written: string, meant: string])[] = [
  ['${HOME}', '#'],
  ['${HOME}/sub', '#/sub'],
  ['${env:ROOT}/sub', '@/sub'],
  ['${NOT_SET:-~/sub}', '#/sub'],
  ['~', '#'],
  ['~/sub', '#/sub'],
  ['./sub', '@/sub'],
];
const FOLDERS = PLACES.map(([written, meant], index) => [written, meant, `folder_${index + 1}`] as const);

const COMMANDS = casesOf('command', {
  'a variable that leads to a folder beside the file, with a cwd elsewhere': {
    command: '${TOOLS}/tool',
    args: ['{}'],
    cwd: '${ROOT}/sub',
  },
  'a variable that is all of a relative path': { command: '${TOOL}', args: ['{}'], cwd: '${ROOT}/sub' },
  'a path that begins with a tilde': { command: '~/tool', args: ['{}'] },
});

const PLACEHOLDERS = ['${input:key}', '${SAID:default}', '${MY-VAR}', '${env:MY-VAR}', '${config:a.b}'] as const;
const UNREADABLE = PLACEHOLDERS.map((text, index) => [text, `placeholder_${index + 1}`] as const);

const NULLS = casesOf('nulls', {
  'the cursor of the last page': oddServer({ list: { nextCursor: null } }),
  '_meta of the answers': oddServer({ initialize: { _meta: null }, list: { _meta: null } }),
  'instructions of the handshake': oddServer({ initialize: { instructions: null } }),
  'what the server says of itself': oddServer({
    initialize: { serverInfo: { name: 'odd', version: '1', title: null, websiteUrl: null, icons: null } },
  }),
  'capabilities that it does not have': oddServer({
    initialize: {
      capabilities: {
        tools: { listChanged: null },
        prompts: null,
        resources: null,
        logging: null,
        completions: null,
        experimental: null,
        tasks: null,
      },
    },
  }),
  'what it does not say of a tool': oddServer({
    tool: {
      title: null,
      description: null,
      annotations: null,
      outputSchema: null,
      execution: null,
      icons: null,
      _meta: null,
    },
  }),
  'the error beside a result': oddServer({ envelope: { error: null } }),
});

const MARKS = casesOf('mark', {
  'before its first message': oddServer({ first: '\uFEFF' }, SOON),
  'before each message': oddServer({ before: '\uFEFF' }, SOON),
  'before a line that is no message': oddServer({ first: '\uFEFFServer is running\n', before: '\uFEFF' }, SOON),
});

const NODE_ERROR = 'the key of the service is missing';
const STDERR: readonly (readonly [title: string, text: string, shown: string])[] = [
  ['one line', 'no such account\n', 'no such account'],
  [
    'Python',
    'Traceback (most recent call last):\n  File "x.py", line 1, in <module>\n    main()\nKeyError: \'API_KEY\'\n',
    "KeyError: 'API_KEY'",
  ],
  [
    'Java',
    'Exception in thread "main" java.lang.IllegalStateException: no key\n\tat a.B.main(B.java:3)\n\tat java.base/x(Y.java)\n',
    'java.lang.IllegalStateException: no key',
  ],
  [
    'Go',
    'panic: no key\n\ngoroutine 1 [running]:\nmain.main()\n\t/x/main.go:4 +0x25\nexit status 2\n',
    'panic: no key',
  ],
  [
    'npm',
    'npm error code E404\nnpm error 404 Not Found - GET https://registry.example/no-such-server - Not found\n' +
      'npm error 404\nnpm error A complete log of this run can be found in: /home/me/.npm/_logs/debug-0.log\n',
    'Not Found',
  ],
  [
    'Node with members of the error',
    "node:internal/modules/cjs/loader:1228\n  throw err;\n  ^\n\nError: Cannot find module 'left-out'\nRequire stack:\n- /x/index.js\n" +
      "    at Module._load (node:internal/modules/cjs/loader:1)\n    at node:internal/main:2 {\n  code: 'MODULE_NOT_FOUND',\n  requireStack: [ '/x/index.js' ]\n}\n\n" +
      'Node.js v20.20.2\n',
    "Error: Cannot find module 'left-out'",
  ],
  [
    'Node with a text that was thrown',
    'node:internal/process/promises:394\n      triggerUncaughtException(err, true /* fromPromise */);\n      ^\n\n[UnhandledPromiseRejection: This error originated either by throwing inside of an async function. The promise rejected with the reason "no key".] {\n  code: \'ERR_UNHANDLED_REJECTION\'\n}\n\nNode.js v22.1.0\n',
    'no key',
  ],
];
const DYING = STDERR.map(([title, stderr, shown], index) => [title, shown, `dying_${index + 1}`, stderr] as const);

const ODD_IDS = casesOf('ids', {
  'over a pipe': oddServer({ textIds: true }, SOON),
});

const LINES = casesOf('line', {
  'of a program in PATH': { command: 'node server.js --port 1' },
  'of npx': { command: 'npx -y @scope/server ./work' },
  'of a program by its path': { command: `${process.execPath} server.js` },
  'with more in args': { command: 'node server.js', args: ['--verbose'] },
});

let world: ServersWorld;
let reached: TestHttpServer;
const requests: string[] = [];

beforeAll(async () => {
  reached = await startHttpServer((request, response) => {
    requests.push(request.url ?? '');
    response.writeHead(500).end();
  });
  world = await openServersWorld({
    servers: async ({ folder, home }) => {
      await mkdir(join(folder, 'sub'));
      await mkdir(join(home, 'sub'));
      await mkdir(join(folder, 'bin'));
      await mkdir(join(folder, 'my tools'));
      const [odd = ''] = oddServer({})['args'] as readonly string[];
      const starter = `#!/bin/sh\nexec "${process.execPath}" "${odd}" "$@"\n`;
      for (const file of ['bin/tool', 'home/tool', 'my tools/tool']) await writeProgram(join(folder, file), starter);
      await writeProgram(join(folder, 'bin/odd-interpreter'), '#!/no/such/interpreter\n');
      await writeFile(join(folder, 'file'), '');
      const entries = [...COMMANDS, ...NULLS, ...MARKS, ...ODD_IDS, ...LINES].map(([, name, entry]) => [name, entry]);
      const folders = FOLDERS.map(([written, , name]) => [name, oddServer({}, { cwd: written })]);
      const placeholders = UNREADABLE.flatMap(([text, name]) => [
        [`${name}_env`, oddServer({}, { env: { SAID: `x ${text}` } })],
        [`${name}_header`, { url: reached.url, headers: { Authorization: `Bearer ${text}` } }],
        [`${name}_url`, { url: `${reached.url}/${text}` }],
      ]);
      const dying = DYING.map(([, , name, stderr]) => [name, oddServer({ stderr })]);
      return {
        ...(Object.fromEntries([...entries, ...folders, ...placeholders, ...dying]) as JsonObject),
        fine: oddServer({ result: { structuredContent: { kept: null, in: [null] } } }),
        tilde_arguments: oddServer({}, {}, ['~/sub', '--at=${HOME}/sub', 'a~', '~other', 'b/~/c']),
        crashing: oddServer({ crash: `${NODE_ERROR} for $TOKEN` }, { env: { TOKEN: '${SECRET}' } }),
        no_folder: oddServer({}, { cwd: './nowhere' }),
        no_folder_of_a_variable: oddServer({}, { cwd: '${ROOT}/nowhere' }),
        no_folder_and_no_command: { command: 'no-such-command-here', cwd: './nowhere' },
        file_for_a_folder: oddServer({}, { cwd: './file' }),
        no_command: { command: 'no-such-command-here' },
        no_interpreter: { command: './bin/odd-interpreter' },
        spaces: { command: './my tools/tool', args: ['{}'] },
        silent: oddServer({ silent: true }, { start_timeout_seconds: 0.5 }),
      };
    },
    env: { ROOT: '.', TOOLS: './bin', TOOL: './bin/tool', SECRET },
  });
});

afterAll(async () => {
  await world.close();
  await reached.close();
});

/** The text of a failed call. */
async function failureOf(server: string): Promise<string> {
  const { failure } = await world.call(server);
  if (failure === undefined) throw new Error(`server '${server}' answered`);
  return failure;
}

describe('where a server is started', () => {
  it.each(FOLDERS)('C1: the cwd %s is substituted first and resolved then', async (_, meant, name) => {
    const cwd = meant.replace('#', world.home).replace('@', world.folder);
    expect(await world.call(name)).toMatchObject({ output: { cwd } });
  });

  it.each(COMMANDS)('C1: a command is substituted first and resolved then: %s', async (_, name) => {
    expect(await world.call(name)).toMatchObject({ output: { args: [] } });
  });

  it('C1: a tilde at the beginning of an argument is the home folder, and anywhere else a tilde', async () => {
    const sub = join(world.home, 'sub');
    expect(await world.call('tilde_arguments')).toMatchObject({
      output: { args: [sub, `--at=${sub}`, 'a~', '~other', 'b/~/c'] },
    });
  });

  it.each(['no_folder', 'no_folder_of_a_variable', 'no_folder_and_no_command'])(
    'C6: a cwd that does not exist is what is said, not a command that was not found (%s)',
    async (server) => {
      const failure = await failureOf(server);
      expect(failure).toContain(join(world.folder, 'nowhere'));
      expect(failure).not.toMatch(/the command '.*' was not found/u);
      expect(failure).toMatch(/folder|cwd/u);
    },
  );

  it('C6: a cwd that is a file is named', async () => {
    expect(await failureOf('file_for_a_folder')).toContain(join(world.folder, 'file'));
  });

  it('C6: a program whose interpreter does not exist is not a command that was not found', async () => {
    expect(await failureOf('no_interpreter')).not.toContain('was not found (looked from');
    expect(await failureOf('no_command')).toContain("the command 'no-such-command-here' was not found");
  });

  it.each(LINES)('C9: a whole command line in command: the arguments go into args (%s)', async (_, name) => {
    expect(await failureOf(name)).toMatch(/\bargs\b/u);
  });

  it('C9: a command that is there may have a space, and one that is missing has no arguments', async () => {
    expect(await world.call('spaces')).toMatchObject({ output: { args: [] } });
    expect(await failureOf('no_command')).not.toMatch(/\bargs\b/u);
  });
});

describe('what is no variable of ours', () => {
  it.each(UNREADABLE)('C2: %s in env, headers or url is an error of that server that says so', async (text, name) => {
    for (const place of ['env', 'header', 'url']) {
      const failure = await failureOf(`${name}_${place}`);
      expect(failure).toContain('(transport)');
      expect(failure).toContain(text);
    }
    expect(requests).toEqual([]);
    expect(await world.call('fine')).toHaveProperty('output');
  });
});

describe('a handshake', () => {
  it.each(NULLS)('C3: null where a member may be absent is an absent one: %s', async (_, name) => {
    expect(await world.call(name)).toMatchObject({ output: { args: [] } });
  });

  it('C3: null in a result stays null', async () => {
    expect(await world.call('fine')).toEqual({ output: { kept: null, in: [null] } });
  });

  it.each(MARKS)('C4: a byte order mark %s is passed over', async (_, name) => {
    expect(await world.call(name)).toMatchObject({ output: { args: [] } });
  });

  it.each(ODD_IDS)(
    'C12: answers whose id is the right number as text are taken, with a warning (%s)',
    async (_, name) => {
      expect(await world.call(name)).toMatchObject({ output: { args: [] } });
      expect(await warningsOf(world, name)).toEqual([expect.stringMatching(/\bid\b/u)]);
    },
  );
});

describe('a server that ends', () => {
  it('C5: the line of a Node error is shown, not the version of Node, and no secret in it', async () => {
    const failure = await failureOf('crashing');
    expect(failure).toContain(`${NODE_ERROR} for ***`);
    expect(failure).not.toContain('Node.js v');
    expect(failure).not.toContain(SECRET);
  });

  it.each(DYING)('C5: the line of stderr that tells the error is shown: %s', async (_, shown, name) => {
    const failure = await failureOf(name);
    expect(failure).toContain('exited with code 1');
    expect(failure).toContain(shown);
  });

  it('C10: a server that is not ready in time: the message names the setting', async () => {
    expect(await failureOf('silent')).toMatch(/within 0\.5 s.*\bstart_timeout_seconds\b/u);
  });
});
