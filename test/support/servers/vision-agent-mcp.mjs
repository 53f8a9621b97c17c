// Stands in for `vision-agent-mcp` of seed 001: nine tools, four resources, four prompts, over stdio, without a
// browser. A page is known by its URL; the text of pages can be given as JSON in PAGES ({"https://…": "text"}), every
// other page says
// `Welcome to <url>`. See stand-in.mjs for the ledger and the script.
import { serve, textResult } from './stand-in.mjs';

/** @type {Record<string, string>} */
const pages = JSON.parse(process.env.PAGES ?? '{}');
const browser = { url: 'about:blank', fields: {}, shots: 0, log: /** @type {string[]} */ ([]) };
const pageText = (/** @type {string} */ url) => pages[url] ?? `Welcome to ${url}`;

const string = { type: 'string' };
const tool = (
  /** @type {string} */ name,
  /** @type {string} */ description,
  properties = {},
  /** @type {string[]} */ required = [],
) => ({
  name,
  description,
  inputSchema: { type: 'object', properties, required },
});
const tools = [
  tool('navigate', 'Opens a page', { url: string }, ['url']),
  tool('screenshot', 'Takes a screenshot of the page and answers with its path'),
  tool('verify', 'Checks that a page can be reached (url) or shows a text (text); an error when it does not', {
    text: string,
    url: string,
  }),
  tool('fill_form', 'Fills in a form', { url: string, fields: { type: 'object' } }, ['fields']),
  tool('click', 'Clicks what is described', { target: string }, ['target']),
  tool('type_text', 'Types a text', { text: string }, ['text']),
  tool('scroll', 'Scrolls the page', { direction: string }),
  tool('extract_text', 'Answers with the text of the page'),
  tool('get_page_info', 'Answers with url and title of the page as structured content'),
];

const resource = (/** @type {string} */ uri, /** @type {string} */ mimeType) => ({ uri, name: uri, mimeType });
const resources = [
  resource('screenshots/latest', 'text/plain'),
  resource('page/text', 'text/plain'),
  resource('page/info', 'application/json'),
  resource('browser/log', 'text/plain'),
];

const prompt = (/** @type {string} */ name, /** @type {string} */ description, /** @type {string[]} */ args) => ({
  name,
  description,
  arguments: args.map((each) => ({ name: each, required: false })),
});
const prompts = [
  prompt('analyze_dashboard', 'Asks for an analysis of a dashboard', ['dashboard_url']),
  prompt('send_alert', 'Asks to send an alert', ['message']),
  prompt('compare_multiple_sites', 'Asks for a comparison of sites', ['sites']),
  prompt('form_report', 'Asks for a report on a form test', ['form_url']),
];

function call(/** @type {string} */ name, /** @type {any} */ args) {
  browser.log.push(name);
  switch (name) {
    case 'navigate':
      browser.url = args.url;
      return textResult(`Opened ${browser.url}`);
    case 'screenshot':
      browser.shots += 1;
      return textResult(`screenshots/${String(browser.shots).padStart(4, '0')}.png`);
    case 'verify':
      return verify(args);
    case 'fill_form':
      browser.url = args.url ?? browser.url;
      browser.fields = args.fields;
      return textResult(`Filled in ${Object.keys(browser.fields).length} fields. Success`);
    case 'extract_text':
      return textResult(pageText(browser.url));
    case 'get_page_info':
      return textResult(JSON.stringify(info()), { structuredContent: info() });
    default:
      return textResult(`${name} done`);
  }
}

function verify(/** @type {any} */ { text, url }) {
  const where = url ?? browser.url;
  const shown = `${pageText(where)}${Object.keys(browser.fields).length > 0 ? ' Success' : ''}`;
  if (text === undefined || shown.includes(text))
    return textResult(text === undefined ? `OK ${where}` : `OK: '${text}' is on ${where}`);
  return textResult(`Text '${text}' is not on ${where}`, { isError: true });
}

const info = () => ({ url: browser.url, title: pageText(browser.url).split('\n')[0] ?? '' });

function read(/** @type {string} */ uri) {
  const contents = {
    'screenshots/latest': `screenshot ${browser.shots} of ${browser.url}: ${pageText(browser.url)}`,
    'page/text': pageText(browser.url),
    'page/info': JSON.stringify(info()),
    'browser/log': browser.log.join('\n'),
  };
  const text = contents[/** @type {keyof typeof contents} */ (uri)];
  return { contents: [{ uri, mimeType: resources.find((each) => each.uri === uri)?.mimeType, text }] };
}

function askFor(/** @type {string} */ name, /** @type {any} */ args) {
  const words = Object.entries(args).map(([key, value]) => `${key}: ${value}`);
  const text = `${prompts.find((each) => each.name === name)?.description}. ${words.join(', ')}`;
  return { description: name, messages: [{ role: 'user', content: { type: 'text', text } }] };
}

await serve({ name: 'vision-agent-mcp', tools, resources, prompts, call, read, prompt: askFor });
