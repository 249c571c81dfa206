/**
 * The keys of a home, all from its seed.
 *
 *     m/8383'/coin'/a'/b'/c'/d'/0'   signing key of the contract with the path [a, b, c, d]
 *     m/8383'/coin'/a'/b'/c'/d'/1'   its authentication key, which only seals messages
 *     m/8383'/coin'/a'/b'/c'/d'/p'   its secret of purpose p >= 2, which a family names (2: ecash)
 *     m/8383'/coin'/a'/b'/c'/d'/p'/i'   i-th secret of purpose p (3: the mint's keys of a keyset)
 *     m/86'/coin'/0'/chain/index     the home's own coins (BIP86)
 *     HKDF-SHA256(seed, "spillway/nonces")   encrypts open nonces in the store
 *     HKDF-SHA256(seed, "spillway/journal/NETWORK")  encrypts the journal of the network's home
 *     the seed itself                secrets of its own ecash, as any Cashu wallet (NUT-13)
 *
 * A contract's path is 124 random bits, never a counter: a home restored from a backup cannot
 * repeat a key. All its levels are hardened: an extended key shared by mistake and one leaked key
 * open no other. Words may have a home on each network. Keys load only when one is needed
 * (`home.ts`). Not here: signing.
 */
import { hkdfSync } from 'node:crypto';
import { HDKey, type Versions } from '@scure/bip32';
import { addressOf } from '../bitcoin/address-text.ts';
import { coinType, type Network } from '../bitcoin/network.ts';
import type { Hex, Keys, NonceId, OpenNonce, Path, WalletPath } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { keyPathScript } from '../signing/keyset.ts';
import { hardenedChild, masterNode, normalChild } from './hardened.ts';

const PURPOSE = 8383;
const CACHED = 512;
const TEST_VERSIONS: Versions = { private: 0x04358394, public: 0x043587cf };

/** Address and output script of a place in the wallet. */
export interface WalletScript {
  address: string;
  script: Hex;
}

export interface HomeKeys extends Omit<Keys, 'nonce' | 'share'> {
  /** Key that encrypts open nonces at rest, 32 bytes. */
  readonly storeKey: Uint8Array;
  /** Key that encrypts the journal, 32 bytes. */
  readonly journalKey: Uint8Array;
  /** Returns the BIP86 address and output script of a place. */
  address(path: WalletPath): Promise<WalletScript>;
  /** Returns the account for descriptors: `tr([fingerprint/path]xpub/0/*)`. */
  account(): { fingerprint: Hex; path: string; xpub: string };
  /** Returns a step's keys: these, with the nonces and shares loaded with its records. */
  keysWith(nonces: readonly OpenNonce[], shares?: ReadonlyMap<string, Uint8Array>): Keys;
}

/** Derives the keys of a home. @param seed the 64 bytes of BIP39 */
export function homeKeys(seed: Uint8Array, network: Network): HomeKeys {
  const coin = coinType(network);
  const contracts = hardenedChild(hardenedChild(masterNode(seed), PURPOSE), coin);
  const contractKey = bounded(
    (path: Path, ...leaf: readonly number[]) => [...path, ...leaf].reduce(hardenedChild, contracts).key,
  );
  const master = once(() => HDKey.fromMasterSeed(seed, coin === 0 ? undefined : TEST_VERSIONS));
  const account = once(() => [86, coin, 0].reduce(hardenedChild, masterNode(seed)));
  const place = bounded((chain: 0 | 1, index: number) => [chain, index].reduce(normalChild, account()).key);

  // Copies, so that a caller that wipes its key does not wipe the cached one.
  const secret = (path: Path, ...leaf: readonly number[]) => contractKey(path, ...leaf).slice();
  const contract = (path: Path) => secret(path, 0);
  const auth = (path: Path) => secret(path, 1);
  const stretched = (what: string) => new Uint8Array(hkdfSync('sha256', seed, '', `spillway/${what}`, 32));
  const wallet = ({ chain, index }: WalletPath) => place(chain, index).slice();

  const drawn = { contract, auth, secret, seed: () => seed.slice(), wallet };

  return {
    ...drawn,
    storeKey: stretched('nonces'),
    journalKey: stretched(`journal/${network}`),
    async address({ chain, index }) {
      const script = keyPathScript(place(chain, index));
      return { address: addressOf(script, network)!, script };
    },
    account: () => ({
      fingerprint: master().fingerprint.toString(16).padStart(8, '0'),
      path: `86'/${coin}'/0'`,
      xpub: master().derive(`m/86'/${coin}'/0'`).publicExtendedKey,
    }),
    keysWith(nonces, shares) {
      const open = new Map(nonces.map((nonce) => [nonceText(nonce), nonce]));
      const share = (name: string): Uint8Array => {
        const found = shares?.get(name);
        if (!found)
          throw new Refusal('share-missing', `the file of the share ${name} is not there`, {
            hint: 'it lies beside the home, in HOME.shares; a home that was copied or restored has none and only exits',
          });
        return found;
      };
      return { ...drawn, nonce: (id) => open.get(nonceText(id)), share };
    },
  };
}

const nonceText = ({ of, sighash }: NonceId): string => `${of} ${sighash}`;

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Caches the newest results, for batches that return to the same contracts, in bounded memory. */
function bounded<A extends readonly unknown[], T>(make: (...args: A) => T): (...args: A) => T {
  const kept = new Map<string, T>();
  return (...args) => {
    const key = args.join('/');
    const value = kept.get(key) ?? make(...args);
    kept.delete(key);
    kept.set(key, value);
    if (kept.size > CACHED) kept.delete(kept.keys().next().value!);
    return value;
  };
}
