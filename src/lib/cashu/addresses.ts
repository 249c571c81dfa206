/**
 * The addresses at which a mint may be asked that nobody here has named: those of the public internet
 * only. Whoever names a mint in a contract would else choose what this machine connects to: its own
 * ports, its network's, a cloud's metadata.
 *
 * Registries: IANA's special-purpose addresses for IPv4 and IPv6. Not here: names, which are looked up as they are asked (`ask.ts`).
 */
import { BlockList, isIP } from 'node:net';

/** First address, length of the prefix. */
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
/** The global ones that are none: documentation, protocols, and tunnels that hold any IPv4 address (Teredo, 6to4). */
const PRIVATE_V6 = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const;
/** An IPv4 address in IPv6's clothes: as a socket shows it, and behind a translator (NAT64). */
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

/** Does everybody reach the same machine at this address? */
export function isPublic(address: string): boolean {
  const family = isIP(address);
  // A zone (`fe80::1%eth0`) belongs to a link.
  if (family === 0 || address.includes('%')) return false;
  return family === 4
    ? !closed.check(address, 'ipv4')
    : global.check(address, 'ipv6') && !closed.check(address, 'ipv6');
}
