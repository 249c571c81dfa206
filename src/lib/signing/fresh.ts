/** Fresh keys for one contract: 4 × 31 random bits, never a counter, so that a restored home cannot repeat them. */
import { bytesToHex } from '../bitcoin/bytes.ts';
import type { Hand, Hex, Path } from '../protocol/action.ts';
import { xOnlyKey } from './bip340.ts';
import type { Own } from './exchange.ts';
import { publicKey } from './musig2.ts';

/** Where they lie, and the two public keys: for signing (33 bytes, or `ownKey` of another wallet) and for sealing (32). */
export function freshKeys(hand: Pick<Hand, 'keys' | 'random'>, ownKey?: Hex): { own: Own; pubkey: Hex; auth: Hex } {
  const bytes = hand.random(16);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const path = [0, 4, 8, 12].map((at) => view.getUint32(at) & 0x7fffffff) as unknown as Path;
  return {
    own: { path, outside: ownKey !== undefined },
    pubkey: ownKey ?? bytesToHex(publicKey(hand.keys.contract(path))),
    auth: xOnlyKey(hand.keys.auth(path)),
  };
}
