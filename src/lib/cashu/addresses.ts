/**
 * Addresses at which this machine may ask a mint that its operator did not name: public internet
 * only.
 *
 * Otherwise whoever names a mint in a contract chooses what this machine connects to: its own
 * ports, its network's, a cloud's metadata.
 *
 * Registries: IANA's special-purpose addresses for IPv4 and IPv6. Not here: host names (`ask.ts`).
 */
import { BlockList, isIP } from 'node:net';

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
  // A zone (`fe80::1%eth0`) belongs to a link.
  if (family === 0 || address.includes('%')) return false;
  return family === 4
    ? !closed.check(address, 'ipv4')
    : global.check(address, 'ipv6') && !closed.check(address, 'ipv6');
}
