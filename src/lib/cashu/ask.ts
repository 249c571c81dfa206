/**
 * One call to a mint over HTTP. The mint may be hostile, and so may whoever named it.
 *
 * It is connected to at an address that was checked. A redirect is no answer, and answers are
 * limited in bytes and time. A name is looked up once a call, and the connection goes to the
 * address that was found.
 *
 * A mint that its operator did not name must have a public address. Otherwise whoever names a mint
 * in a contract chooses what this machine connects to: its own ports, its network's, a cloud's
 * metadata. Registries: IANA's special-purpose addresses for IPv4 and IPv6. Not here: what is asked
 * (`quotes.ts`, `wallet.ts`).
 */
import * as plain from 'node:http';
import * as secure from 'node:https';
import { lookup as ofSystem, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction, BlockList } from 'node:net';
import { allows } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';

export interface MintAt {
  /** URL as `mintUrlOf` writes it. */
  url: string;
  /** True if the operator named the mint; then its address may be private. */
  named: boolean;
}
export interface MintCall {
  /** JSON to post; without it the call is a GET. */
  body?: string | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  limit: { readonly most: number };
  /** Time limit of the whole call. */
  timeoutMs: number;
}
export interface HttpAnswer {
  ok: boolean;
  status: number;
  text: string;
}
export type Lookup = (
  host: string,
  options: { all: true },
  done: (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void,
) => void;

/** Agents that keep connections open: only to named mints, and for calls without a body. */
const AGENTS = {
  plain: new plain.Agent({ keepAlive: true, maxFreeSockets: 8 }),
  secure: new secure.Agent({ keepAlive: true, maxFreeSockets: 8 }),
};

/** Calls a mint. @throws Refusal `mint-private`, `mint-unavailable` for no answer within limits */
export async function askMint(
  mint: MintAt,
  path: string,
  call: MintCall,
  lookup: Lookup = ofSystem,
): Promise<HttpAnswer> {
  const ask = (): Promise<HttpAnswer> => once(mint, path, call, lookup);
  // Retries a call if the mint had closed the connection before it read anything.
  const again = (error: unknown): Promise<HttpAnswer> => {
    if (!(error instanceof Stale)) throw error;
    return ask();
  };
  try {
    return await ask().catch(again);
  } catch (error) {
    throw error instanceof Refusal ? error : unavailable(mint, `no answer (${(error as Error).message})`);
  }
}

export const unavailable = ({ url }: Pick<MintAt, 'url'>, why: string): Refusal =>
  new Refusal('mint-unavailable', `the mint at ${url}: ${why}`, { hint: 'is it running, and is this its URL?' });

const isPrivate = ({ url }: MintAt): Refusal =>
  new Refusal('mint-private', `the mint at ${url} is at an address that not everybody reaches`, {
    hint: `if it is yours, name it: --private-mint ${url}`,
  });

class Stale extends Error {}

async function once(mint: MintAt, path: string, call: MintCall, lookup: Lookup): Promise<HttpAnswer> {
  const { body, headers, limit, timeoutMs } = call;
  const { url, named } = mint;
  const at = new URL(url + path);
  const host = at.hostname.replace(/^\[(.*)\]$/, '$1');
  if (!named && isIP(host) !== 0 && !isPublic(host)) throw isPrivate(mint);
  const way = at.protocol === 'https:' ? 'secure' : 'plain';
  const { request } = way === 'secure' ? secure : plain;
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const asking = request(at, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      accept: 'application/json',
      ...headers,
      ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    },
    agent: named && body === undefined ? AGENTS[way] : false,
    lookup: looking(mint, lookup),
  });
  const end = (error: Error): void => {
    reject(error);
    asking.destroy();
  };
  const timer = setTimeout(() => end(new Error(`not within ${timeoutMs / 1000} s`)), timeoutMs);
  let answered = false;
  asking.on('error', (error: NodeJS.ErrnoException) =>
    end(asking.reusedSocket && !answered && error.code === 'ECONNRESET' ? new Stale(error.message) : error),
  );
  asking.on('response', (response) => {
    answered = true;
    const parts: Uint8Array[] = [];
    let size = 0;
    response.on('data', (part: Uint8Array) => {
      size += part.length;
      if (allows(limit, size)) parts.push(part);
      else end(new Error(`more than ${limit.most} bytes`));
    });
    response.on('error', end);
    response.on('end', () => {
      const status = response.statusCode!;
      resolve({ ok: status >= 200 && status < 300, status, text: Buffer.concat(parts).toString('utf8') });
    });
  });
  asking.end(body);
  return promise.finally(() => clearTimeout(timer));
}

/** Returns the lookup of a connection, which allows only the addresses that it found. */
const looking =
  (mint: MintAt, lookup: Lookup): LookupFunction =>
  (host, { all }, done) => {
    lookup(host, { all: true }, (error, found) => {
      const [first] = found ?? [];
      if (error || !first) return done(error ?? new Error(`${host} has no address`), '', 0);
      if (!mint.named && !found.every(({ address }) => isPublic(address))) return done(isPrivate(mint) as never, '', 0);
      if (all) done(null, found);
      else done(null, first.address, first.family);
    });
  };

/** First address and prefix length. */
const PRIVATE_V4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const;
/** Global addresses that are no host: documentation, protocols, tunnels of IPv4 (Teredo, 6to4). */
const PRIVATE_V6 = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const;
/** Prefixes of IPv4 addresses in IPv6: as a socket shows them, and behind a translator (NAT64). */
const WITH_V4 = ['::ffff:', '64:ff9b::'] as const;

const { global, closed } = lists();
function lists(): { global: BlockList; closed: BlockList } {
  const global = new BlockList();
  const closed = new BlockList();
  global.addSubnet('2000::', 3, 'ipv6');
  for (const prefix of WITH_V4) global.addSubnet(prefix === '::ffff:' ? '::ffff:0:0' : prefix, 96, 'ipv6');
  for (const [address, bits] of PRIVATE_V4) {
    closed.addSubnet(address, bits, 'ipv4');
    for (const prefix of WITH_V4) closed.addSubnet(`${prefix}${address}`, 96 + bits, 'ipv6');
  }
  for (const [address, bits] of PRIVATE_V6) closed.addSubnet(address, bits, 'ipv6');
  return { global, closed };
}

/** Returns whether everybody reaches the same machine at this address. */
export function isPublic(address: string): boolean {
  const family = isIP(address);
  // An address with a zone (`fe80::1%eth0`) is link-local.
  if (family === 0 || address.includes('%')) return false;
  return family === 4
    ? !closed.check(address, 'ipv4')
    : global.check(address, 'ipv6') && !closed.check(address, 'ipv6');
}
