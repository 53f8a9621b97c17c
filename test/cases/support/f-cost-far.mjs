// A stdio MCP server whose answers are below 10 MiB and cost their reader much. The first argument names what is done
// at a call of `go`; `ok` always answers with a word. Written on bare pipes. `answerOf` is for servers behind HTTP.
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MB = 1024 * 1024;
const list = (/** @type {string} */ item, /** @type {number} */ count) => `[${`${item},`.repeat(count - 1)}${item}]`;
const keys = (/** @type {number} */ count) =>
  `{${Array.from({ length: count }, (_, index) => `"k${index}":0`).join(',')}}`;
const deep = (/** @type {number} */ levels) => '['.repeat(levels) + ']'.repeat(levels);
const text = (/** @type {string} */ value) => `{"content":[{"type":"text","text":${JSON.stringify(value)}}]}`;
const structured = (/** @type {string} */ value) => `{"content":[],"structuredContent":{"v":${value}}}`;
const error = (/** @type {string} */ data) => `"error":{"code":-32050,"message":"no","data":${data}}`;
const result = (/** @type {string} */ value) => `"result":${value}`;

/** Members of the answer to `go`, by name. @type {Record<string, () => string>} */
const ANSWERS = {
  keys: () => result(structured(keys(700_000))),
  numbers: () => result(structured(list('0', 4_500_000))),
  levels: () => result(structured(deep(3_000_000))),
  objects: () => result(structured(list('{}', 3_000_000))),
  rows: () => result(structured(list('{"id":1,"name":"n","ok":true}', 320_000))),
  blocks: () => result(`{"content":${list('{"type":"text","text":""}', 380_000)}}`),
  meta: () => result(`{"content":[],"_meta":${keys(700_000)}}`),
  text: () => result(text('x'.repeat(8 * MB))),
  json_levels: () => result(text(deep(3_000_000))),
  json_numbers: () => result(text(list('0', 4_500_000))),
  json_objects: () => result(text(list('{}', 3_000_000))),
  error_data: () => error(keys(700_000)),
  error_levels: () => error(deep(3_000_000)),
  // Rows that are all different, for a schema that says so.
  different_rows: () =>
    result(structured(`[${Array.from({ length: 20_000 }, (_, index) => `{"id":${index}}`).join(',')}]`)),
  one_choice: () => result(structured(list('4999', 200_000))),
  urls: () => result(structured(`["http://${':'.repeat(80_000)}}"]`)),
};

/** Whole messages before the answer to `go`, by name. @type {Record<string, (token: unknown) => string>} */
const BEFORE = {
  notification: () =>
    `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":${keys(600_000)}}}`,
  progress: (token) =>
    `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${JSON.stringify(token)},"progress":1,"x":${deep(3_000_000)}}}`,
  unasked: () => `{"jsonrpc":"2.0","id":987654,"result":${keys(600_000)}}`,
  asks: () => `{"jsonrpc":"2.0","id":"q","method":"sampling/createMessage","params":${keys(600_000)}}`,
};

/** The text of the answer to a request, as it goes over the wire. */
export function answerOf(/** @type {string} */ what, /** @type {any} */ { id, method, params }) {
  const answer = (/** @type {string} */ members) => `{"jsonrpc":"2.0","id":${JSON.stringify(id)},${members}}`;
  switch (method) {
    case 'initialize':
      return answer(
        result(
          '{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"resources":{},"prompts":{}},"serverInfo":{"name":"far","version":"1"}}',
        ),
      );
    case 'tools/list': {
      const more =
        what === 'tools'
          ? `,${Array.from({ length: 200_000 }, (_, index) => `{"name":"t${index}","inputSchema":{"type":"object"}}`).join(',')}`
          : what === 'schema'
            ? `,{"name":"big","inputSchema":{"type":"object","properties":${keys(600_000)}}}`
            : '';
      return answer(
        result(
          `{"tools":[{"name":"go","inputSchema":{"type":"object"}},{"name":"ok","inputSchema":{"type":"object"}}${more}]}`,
        ),
      );
    }
    case 'resources/read':
      return answer(result(`{"contents":${list('{"uri":"a:b","text":""}', 300_000)}}`));
    case 'prompts/get':
      return answer(result(`{"messages":${list('{"role":"user","content":{"type":"text","text":""}}', 190_000)}}`));
    case 'tools/call': {
      if (params.name === 'ok') return answer(result(text('ok')));
      const before = BEFORE[what]?.(params._meta?.progressToken);
      const members = ANSWERS[what]?.() ?? result(text('done'));
      return before === undefined ? answer(members) : `${before}\n${answer(members)}`;
    }
    default:
      return answer('"error":{"code":-32601,"message":"Method not found"}');
  }
}

/** A line that has no end, for as long as somebody reads it. */
function endless() {
  const piece = 'x'.repeat(MB);
  const write = () => {
    while (process.stdout.write(piece));
  };
  process.stdout.on('drain', write).on('error', () => process.exit(0));
  write();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const what = process.argv[2] ?? '';
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      const message = JSON.parse(line);
      if (what === 'endless' && message.params?.name === 'go') return endless();
      if (message.method !== undefined && message.id !== undefined)
        process.stdout.write(`${answerOf(what, message)}\n`);
    })
    .on('close', () => process.exit(0));
}
