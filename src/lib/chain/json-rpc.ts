/**
 * JSON-RPC over HTTP as Bitcoin Core and btcd speak it (version 1.0, basic authentication). It
 * sends one call a request, or those of one moment in one request (`together`). Amounts come as
 * decimals. `protocol/json.ts` keeps a decimal's text, so no sum goes through a float. User and
 * password never enter an error: they are kept out of URLs, and cut from whatever the node says.
 * Not here: methods (`rpc.ts`); https: put a tunnel in front of a node that is elsewhere.
 */
import { readFileSync } from 'node:fs';
import { parseJson, printJson, type Json } from '../protocol/json.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';

const TIMEOUT_MS = 30_000;
export const NODE_LIMITS = {
  /** Longest answer: a scan for coins, about 300 bytes each. A block has 8 MB in hex. */
  answer: { unit: 'bytes', most: 64_000_000 },
} satisfies Limits;
const SHOWN = 300;
/** Largest number of calls in one request. */
const TOGETHER = 200;
/** Error codes of a connection that the other side has closed. */
const CLOSED: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);
/** Methods that must not be retried, because each call has an effect. */
const ONCE: ReadonlySet<string> = new Set(['generatetoaddress']);

const codeOf = (error: unknown): string | undefined => ((error as Error).cause as { code?: string } | undefined)?.code;

export interface RpcOptions {
  /** `http://[user:password@]host:port[/wallet/NAME]` */
  url: string;
  /** Path of the node's cookie file (`user:password`), read again if the node refuses the login. */
  cookie?: string;
  /** Time to wait for an answer; 30,000 by default. */
  timeoutMs?: number;
  /** True if simultaneous calls go in one request. */
  together?: boolean;
}

/** Error with which a node answers a call that it has understood. */
export class RpcError extends Refusal {
  /** Bitcoin Core's number: -5 not found, -25 to -27 not accepted, -32601 no such method … */
  readonly rpcCode: number;
  constructor(text: string, rpcCode: number) {
    super('chain-unavailable', text);
    this.rpcCode = rpcCode;
  }
}

/** Refusal for a node without connection, answer or login; further calls would fail too. */
class NoAnswer extends Refusal {
  constructor(text: string, details: { hint?: string } = {}) {
    super('chain-unavailable', text, details);
  }
}

interface Call {
  method: string;
  params: readonly Json[];
}
/** A call that waits for the others of its moment. */
interface Waiting extends Call {
  done(result: Json): void;
  failed(error: unknown): void;
}

export class JsonRpc {
  /** Address of the node in messages, `host:port`. */
  readonly at: string;
  readonly #options: RpcOptions;
  readonly #url: string;
  readonly #cookie: string | undefined;
  readonly #timeoutMs: number;
  #login: string | undefined;
  #calls = 0;
  #waiting: Waiting[] = [];

  /** Prepares a client. @throws Refusal `usage` for any but an http URL, without repeating it */
  constructor(options: RpcOptions) {
    const { url, cookie, timeoutMs = TIMEOUT_MS } = options;
    const parsed = URL.parse(url);
    if (parsed?.protocol !== 'http:') throw new Refusal('usage', 'the address of the node is no http://host:port');
    const { username, password } = parsed;
    try {
      if (username || password) this.#login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    } catch {
      throw new Refusal('usage', 'user or password in the address of the node have a broken % escape');
    }
    if (this.#login !== undefined && cookie !== undefined)
      throw new Refusal('usage', 'both a password and a cookie file are given for the node, one expected');
    this.at = parsed.host;
    this.#options = options;
    // fetch refuses URLs with credentials.
    parsed.username = parsed.password = '';
    this.#url = parsed.href;
    this.#cookie = cookie;
    this.#timeoutMs = timeoutMs;
  }

  /** Returns a client of the same node that batches simultaneous calls into one request. */
  together(): this {
    return new (this.constructor as new (options: RpcOptions) => this)({ ...this.#options, together: true });
  }

  /**
   * Calls a method.
   * @throws RpcError where the node answers with an error
   * @throws Refusal `chain-unavailable` without a bounded JSON answer; `no-input` for no cookie
   * file
   */
  call(method: string, ...params: readonly Json[]): Promise<Json> {
    if (!this.#options.together) return this.callWithin(this.#timeoutMs, method, ...params);
    return new Promise((done, failed) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#flush());
      this.#waiting.push({ method, params, done, failed });
    });
  }

  /** Calls a method that may take longer than others. */
  protected async callWithin(timeoutMs: number, method: string, ...params: readonly Json[]): Promise<Json> {
    const { status, answer } = await this.#exchange(method, this.#asked({ method, params }), timeoutMs);
    return this.#result(method, answer, status);
  }

  #asked = ({ method, params }: Call) => ({ jsonrpc: '1.0', id: ++this.#calls, method, params });

  #flush(): void {
    const all = this.#waiting.splice(0);
    for (let from = 0; from < all.length; from += TOGETHER) void this.#together(all.slice(from, from + TOGETHER));
  }

  /**
   * Sends calls in one request; those without an answer one by one, for a node that takes one call
   * a request, or where one answer is too long.
   */
  async #together(calls: readonly Waiting[]): Promise<void> {
    let answers: ReadonlyMap<Waiting, Json> = new Map();
    let away: unknown;
    try {
      if (calls.length > 1) answers = await this.#answers(calls);
    } catch (error) {
      if (!(error instanceof Refusal) || error instanceof NoAnswer || error.code !== 'chain-unavailable') away = error;
    }
    for (const call of calls) {
      const { method, params, done, failed } = call;
      const answer = answers.get(call);
      try {
        if (away) throw away;
        done(
          answer === undefined
            ? await this.callWithin(this.#timeoutMs, method, ...params)
            : this.#result(method, answer, 200),
        );
      } catch (error) {
        if (error instanceof NoAnswer) away = error;
        failed(error);
      }
    }
  }

  async #answers(calls: readonly Waiting[]): Promise<ReadonlyMap<Waiting, Json>> {
    const asked = calls.map((call) => this.#asked(call));
    const byId = new Map(asked.map(({ id }, i) => [id, calls[i]!]));
    const { answer } = await this.#exchange(calls[0]!.method, asked, this.#timeoutMs);
    const found = new Map<Waiting, Json>();
    for (const one of Array.isArray(answer) ? answer : []) {
      const call = byId.get((one as { id?: number } | null)?.id as number);
      if (call) found.set(call, one);
    }
    return found;
  }

  async #exchange(method: string, asked: object, timeoutMs: number): Promise<{ status: number; answer: Json }> {
    const login = this.#credentials();
    const { status, text } = await this.#post(method, printJson(asked), login, timeoutMs);
    if (status === 401 || status === 403) {
      // The cookie changes when the node starts anew.
      if (this.#cookie !== undefined) this.#login = undefined;
      throw status === 401
        ? new NoAnswer(this.#said(method, 'the node refuses user and password (401)'), {
            hint: "name the node's cookie with --chain-cookie FILE (SPILLWAY_CHAIN_COOKIE), or give user and password in the URL of SPILLWAY_CHAIN",
          })
        : new NoAnswer(this.#said(method, 'the node refuses this machine (403)'), {
            hint: 'see rpcallowip of the node',
          });
    }
    return { status, answer: this.#parse(text, method, status) };
  }

  #result(method: string, said: Json, status: number): Json {
    const answer = this.#object(said, method, status);
    if (answer.error != null) {
      const { code, message } = answer.error as { code?: Json; message?: Json };
      throw new RpcError(
        this.#clean(`${method}: ${typeof message === 'string' ? message : printJson(answer.error)}`),
        Number(code),
      );
    }
    if (answer.result === undefined) throw this.#refusal(method, `an answer without a result (status ${status})`);
    return answer.result;
  }

  #credentials(): string | undefined {
    if (this.#login !== undefined || this.#cookie === undefined) return this.#login;
    try {
      this.#login = readFileSync(this.#cookie, 'utf8').trim();
    } catch (error) {
      throw new Refusal('no-input', `the cookie file of the node cannot be read: ${(error as Error).message}`, {
        hint: 'Bitcoin Core writes it when it starts, and removes it when it stops',
      });
    }
    return this.#login;
  }

  async #post(
    method: string,
    body: string,
    login: string | undefined,
    timeoutMs: number,
  ): Promise<{ status: number; text: string }> {
    const authorization =
      login === undefined ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` };
    const ask = async () => {
      const answer = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...authorization },
        body,
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      return { status: answer.status, text: await textWithin(NODE_LIMITS.answer, answer) };
    };
    // A node closes connections that were idle for half a minute. A call may have reached it before, so methods of
    // ONCE are not retried.
    const again = (error: unknown) => {
      if (ONCE.has(method) || !CLOSED.has(codeOf(error))) throw error;
      return ask();
    };
    try {
      return await ask().catch(again);
    } catch (error) {
      const { name, message, cause } = error as Error;
      const { message: reason } = (cause ?? {}) as { message?: string };
      const code = codeOf(error);
      const found =
        name === 'TimeoutError'
          ? `no answer within ${timeoutMs / 1000} s`
          : code === 'ECONNREFUSED'
            ? 'nothing listens there'
            : reason || code || message;
      // A cause: of the connection. Without one, the answer itself was refused here.
      if (name === 'TimeoutError' || cause !== undefined) throw new NoAnswer(this.#said(method, found));
      throw this.#refusal(method, found);
    }
  }

  #parse(text: string, method: string, status: number): Json {
    try {
      return parseJson(text);
    } catch {
      throw this.#refusal(method, `an answer that is no JSON (status ${status}): ${text.trim() || 'empty'}`);
    }
  }
  #object(answer: Json, method: string, status: number): { result?: Json; error?: Json } {
    if (typeof answer !== 'object' || answer === null || Array.isArray(answer))
      throw this.#refusal(method, `an answer that is no JSON-RPC (status ${status})`);
    return answer as { result?: Json; error?: Json };
  }

  #refusal = (method: string, found: string): Refusal => new Refusal('chain-unavailable', this.#said(method, found));
  #said = (method: string, found: string): string => this.#clean(`${method} at ${this.at}: ${found}`);

  /** Returns outside text fit to print: one line, bounded, without the login. */
  #clean(text: string): string {
    const line = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ');
    const short = line.length > SHOWN ? `${this.#hide(line).slice(0, SHOWN)}…` : line;
    return this.#hide(short);
  }
  #hide(text: string): string {
    if (this.#login === undefined) return text;
    const password = this.#login.slice(this.#login.indexOf(':') + 1);
    const secrets = [Buffer.from(this.#login).toString('base64'), this.#login, password, encodeURIComponent(password)];
    return secrets.filter((secret) => secret !== '').reduce((rest, secret) => rest.replaceAll(secret, '***'), text);
  }
}

/**
 * Reads the text of an HTTP answer up to a limit, so that no server fills the memory.
 * @throws Error for a longer one
 */
async function textWithin(limit: { readonly most: number }, answer: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of answer.body ?? []) {
    size += part.length;
    if (!allows(limit, size)) throw new Error(`more than ${limit.most} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
