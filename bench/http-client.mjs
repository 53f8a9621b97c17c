// A raw client of Streamable HTTP: kept connections, one POST a request, the answer from JSON or from its event stream.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request as send } from 'node:http';
import { INITIALIZE } from './process.mjs';

export class HttpClient {
  #child;
  #url;
  #session;
  #id = 0;
  #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  /** Starts a server; `url` finds its address in what it prints. */
  static async start(args, url) {
    const client = new HttpClient();
    client.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    client.#url = await new Promise((resolve, reject) => {
      let text = '';
      const look = (chunk) => {
        text += chunk;
        const found = url.exec(text)?.[0];
        if (found !== undefined) resolve(found);
      };
      client.#child.stdout.on('data', look);
      client.#child.stderr.on('data', look);
      client.#child.once('exit', () => reject(new Error(`the server ended: ${text}`)));
    });
    await client.request('initialize', INITIALIZE);
    await client.#post({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return client;
  }

  async request(method, params) {
    const text = await this.#post({ jsonrpc: '2.0', id: (this.#id += 1), method, params });
    const data = text.startsWith('{') ? text : /^data: (\{.*)$/mu.exec(text)?.[1];
    const message = JSON.parse(data);
    if (message.error !== undefined) throw new Error(message.error.message);
    return message.result;
  }

  #post(message) {
    const body = JSON.stringify(message);
    return new Promise((resolve, reject) => {
      const request = send(
        this.#url,
        {
          method: 'POST',
          agent: this.#agent,
          headers: {
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
            'content-length': Buffer.byteLength(body),
            ...(this.#session === undefined
              ? {}
              : { 'mcp-session-id': this.#session, 'mcp-protocol-version': INITIALIZE.protocolVersion }),
          },
        },
        (response) => {
          this.#session ??= response.headers['mcp-session-id'];
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk) => (text += chunk));
          response.on('end', () => resolve(text));
          response.on('error', reject);
        },
      );
      request.on('error', reject);
      request.end(body);
    });
  }

  async close() {
    this.#agent.destroy();
    this.#child.kill();
    await once(this.#child, 'close');
  }
}
