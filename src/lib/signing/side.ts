/** One party's part of an opening: fresh keys of its home, and the address that it is paid to. */
import { bytesToHex } from '../bitcoin/bytes.ts';
import type { Hand, Path } from '../protocol/action.ts';
import { xOnlyKey } from './bip340.ts';
import type { Own } from './exchange.ts';
import { publicKey } from './musig2.ts';

export interface Side {
  pubkey: string;
  /** Authentication key, x-only: seals messages, signs nothing else. */
  auth: string;
  address: string;
}

/** Fresh keys for one contract: 4 × 31 random bits, never a counter, so that a restored home cannot repeat them. */
export function freshSide(hand: Hand, ownKey: string | undefined, address: string): { own: Own; side: Side } {
  const bytes = hand.random(16);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const path = [0, 4, 8, 12].map((at) => view.getUint32(at) & 0x7fffffff) as unknown as Path;
  const own: Own = { path, outside: ownKey !== undefined };
  return {
    own,
    side: {
      pubkey: ownKey ?? bytesToHex(publicKey(hand.keys.contract(path))),
      auth: xOnlyKey(hand.keys.auth(path)),
      address,
    },
  };
}
