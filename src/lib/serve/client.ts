/**
 * Address of a client: that of its socket, or, where a named proxy (`--proxy`) brought the request,
 * the one that the proxy names. Anyone can write X-Forwarded-For, so it is read from its end, where
 * the proxies wrote. The last address in it that is not itself a named proxy is the client's, and
 * nothing in front of it is believed. Where that word is no address, or there is none, the request
 * counts as the proxy's own. `Forwarded` (RFC 7239) is never read.
 * Not here: what an address may do.
 */
import { BlockList, isIP, SocketAddress } from 'node:net';

/** Network of addresses that begin with the same bits. */
export interface Subnet {
  address: string;
  family: 'ipv4' | 'ipv6';
  /** Number of bits. */
  prefix: number;
}
export type IsProxy = (address: string) => boolean;

const BITS = { ipv4: 32, ipv6: 128 } as const;
/** Address of sockets that were reset before their address was read; they count as one client. */
const GONE = 'gone';

/** Reads an address, or a network as `ADDRESS/BITS`; undefined for any other text. */
export function readSubnet(text: string): Subnet | undefined {
  const [, host = '', bits] = /^([^/%]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = familyOf(host);
  if (family === undefined) return undefined;
  const prefix = bits === undefined ? BITS[family] : Number(bits);
  return prefix <= BITS[family] ? { address: host, family, prefix } : undefined;
}

export function proxiesIn(networks: readonly Subnet[]): IsProxy {
  const list = new BlockList();
  for (const { address, prefix, family } of networks) list.addSubnet(address, prefix, family);
  return (address) => list.check(address, familyOf(address));
}

/**
 * Returns the client's address, in one form for each. Never throws, whatever the header holds.
 * @param remote the address of the socket, if it still has one
 * @param forwarded X-Forwarded-For
 */
export function clientOf(
  remote: string | undefined,
  forwarded: string | readonly string[] | undefined,
  isProxy: IsProxy,
): string {
  const peer = addressIn(remote ?? '');
  if (peer === undefined) return GONE;
  if (!isProxy(peer)) return peer;
  const words = String(forwarded ?? '').split(',');
  return words.map(addressIn).findLast((address) => address === undefined || !isProxy(address)) ?? peer;
}

/**
 * Returns the key by which clients share a budget: an IPv4 address, or the /64 of an IPv6 address,
 * of which one customer has all.
 */
export function budgetOf(client: string): string {
  if (familyOf(client) !== 'ipv6') return client;
  const [head = '', tail = ''] = client.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(':')}::/64`;
}

const familyOf = (address: string): 'ipv4' | 'ipv6' | undefined => (({ 4: 'ipv4', 6: 'ipv6' }) as const)[isIP(address)];

/**
 * Reads an address as proxies write it: some with the port, or IPv6 in brackets. An IPv4 address is
 * always one of four numbers.
 */
function addressIn(word: string): string | undefined {
  const [, bracketed, dotted] = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d{1,5})?$/.exec(word.trim()) ?? [];
  const address = bracketed ?? dotted ?? word.trim();
  const family = familyOf(address);
  if (family === undefined) return undefined;
  return new SocketAddress({ address, family }).address.replace(/^::ffff:(?=\d+\.)/, '');
}

export const isLoopback = (host: string): boolean => /^(?:127(?:\.\d{1,3}){3}|::1|localhost)$/.test(host);
