// Serves work/site on 127.0.0.1 for the site-check samples: `node scripts/demo-site.mjs [port]` (8090 by default).
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const site = join(dirname(fileURLToPath(import.meta.url)), '..', 'work', 'site');
const port = Number(process.argv[2] ?? 8090);
const pages = new Map([
  ['/', 'index.html'],
  ['/index.html', 'index.html'],
  ['/status.html', 'status.html'],
  ['/broken.html', 'broken.html'],
]);

const server = createServer(async (request, response) => {
  const page = pages.get(new URL(request.url ?? '/', 'http://127.0.0.1').pathname);
  if (page === undefined) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('Not found\n');
    return;
  }
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(await readFile(join(site, page)));
});
server.listen(port, '127.0.0.1', () => {
  const address = server.address();
  console.log(
    `demo site on http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : port}/`,
  );
});
