/** A node that answers what it is told: an HTTP server with an answer for each method, which remembers what it was asked. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** The text of `result`, so that a decimal is sent as it is written; or the whole answer; or `never` for none. */
export type Answer = string | { status: number; body: string } | { error: { code: number; message: string } } | 'never';
export type Answers = Record<string, Answer | ((params: unknown[]) => Answer | Promise<Answer>)>;

export const LOGIN = 'user:p%40ss/word"1';
export const PASSWORD = 'p@ss/word"1';

interface Call {
  id: number;
  method: string;
  params: unknown[];
}
export interface FakeNode {
  /** For SPILLWAY_CHAIN, with name and password. */
  url: string;
  port: number;
  asked: { method: string; params: unknown[] }[];
  /** How many calls each request had. */
  requests: number[];
  close(): void;
}

export async function startFakeNode(answers: Answers, password = PASSWORD): Promise<FakeNode> {
  const asked: { method: string; params: unknown[] }[] = [];
  const requests: number[] = [];
  const expected = `Basic ${Buffer.from(`user:${password}`).toString('base64')}`;
  const answer = async (request: IncomingMessage): Promise<{ status: number; body: string } | 'never'> => {
    const read = JSON.parse(await text(request)) as Call | Call[];
    const calls = [read].flat();
    requests.push(calls.length);
    asked.push(...calls.map(({ method, params }) => ({ method, params })));
    if (request.headers.authorization !== expected) return { status: 401, body: '' };
    if (!Array.isArray(read)) return one(read);
    const given: { status: number; body: string }[] = [];
    for (const call of calls) {
      const said = await one(call);
      if (said === 'never') return said;
      given.push(said);
    }
    // What is no answer to one of them is none to all.
    const bad = given.find(({ body }) => !body.startsWith('{'));
    return bad ?? { status: 200, body: `[${given.map(({ body }) => body).join()}]` };
  };
  const one = async ({ id, method, params }: Call): Promise<{ status: number; body: string } | 'never'> => {
    const told = answers[method] ?? { error: { code: -32601, message: 'Method not found' } };
    const given = typeof told === 'function' ? await told(params) : told;
    if (given === 'never') return given;
    if (typeof given === 'string') return { status: 200, body: `{"result":${given},"error":null,"id":${id}}` };
    return 'error' in given ? { status: 500, body: JSON.stringify({ result: null, ...given, id }) } : given;
  };
  const server = createServer(async (request, response) => {
    const given = await answer(request);
    if (given !== 'never') response.writeHead(given.status).end(given.body);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.address() as AddressInfo;
  const url = `http://${LOGIN.replace('"', '%22').replace('/', '%2F')}@127.0.0.1:${port}`;
  return { url, port, asked, requests, close: () => (server.closeAllConnections(), server.close()) };
}
