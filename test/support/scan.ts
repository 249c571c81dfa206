/**
 * A node that searches for coins by ranged descriptors (scantxoutset) as Bitcoin Core does: it derives each place from the
 * account's public key alone, with libraries that no code of the program's keys goes through.
 */
import { bytesToHex } from '@noble/hashes/utils.js';
import { HDKey } from '@scure/bip32';
import { p2tr } from '@scure/btc-signer/payment.js';
import { btcFromSat } from '../../src/lib/bitcoin/amount.ts';
import type { RangedDescriptor, ScannedCoin } from '../../src/lib/chain/rpc.ts';
import type { Answers } from './fake-node.ts';

/** A coin at a place of whatever wallet is asked for. */
export interface Placed {
  chain?: 0 | 1;
  index: number;
  sat?: bigint;
  coinbase?: boolean;
}

const MAIN = { private: 0x0488ade4, public: 0x0488b21e };
const TEST = { private: 0x04358394, public: 0x043587cf };

/** The coins of these that lie where it is asked. */
export function found(descriptors: readonly RangedDescriptor[], coins: readonly Placed[]): ScannedCoin[] {
  return descriptors.flatMap(({ desc, range: [from, to] }) => {
    const [, origin, xpub, chain] = /^tr\(\[([0-9a-f]{8}\/86'\/[01]'\/0')\](\w+)\/([01])\/\*\)#\w{8}$/.exec(desc)!;
    const there = coins.filter(({ chain: at = 0, index }) => at === Number(chain) && from <= index && index <= to);
    if (there.length === 0) return [];
    const account = HDKey.fromExtendedKey(xpub!, xpub!.startsWith('xpub') ? MAIN : TEST);
    return there.map(({ index, sat = 5_000_000_000n, coinbase = false }): ScannedCoin => {
      const key = account.deriveChild(Number(chain)).deriveChild(index).publicKey!.slice(1);
      const place = `[${origin!.replaceAll("'", 'h')}/${chain}/${index}]`;
      return {
        txid: `${chain}${index.toString(16).padStart(63, '0')}`,
        vout: 0,
        script: bytesToHex(p2tr(key).script),
        desc: `tr(${place}${bytesToHex(key)})#aaaaaaaa`,
        sat,
        height: 90,
        coinbase,
      };
    });
  });
}

/** What it was asked, and its face. */
export function scanner(coins: readonly Placed[]) {
  const asked: (readonly RangedDescriptor[])[] = [];
  const scan = async (descriptors: readonly RangedDescriptor[]) => {
    asked.push(descriptors);
    return { height: 100, coins: found(descriptors, coins) };
  };
  /** By look, the ranges of each chain, as `CHAIN:FROM-TO`. */
  const ranges = (): string[] =>
    asked.map((look) =>
      look.map(({ desc, range: [from, to] }) => `${/\/([01])\/\*/.exec(desc)![1]}:${from}-${to}`).join(' '),
    );
  return { scan, ranges };
}

/** The same over HTTP, at height 100 of regtest. */
export function scanAnswers(coins: readonly Placed[]): Answers {
  const scripts = new Map<unknown, ScannedCoin>();
  const btc = (text: string): string => text.replace(/"amount":"([\d.]+)"/g, '"amount":$1');
  return {
    getblockchaininfo: `{"chain":"regtest","blocks":100,"bestblockhash":"${'00'.repeat(32)}","initialblockdownload":false,"time":0}`,
    scantxoutset: ([, descriptors]) => {
      const unspents = found(descriptors as RangedDescriptor[], coins).map(({ sat, script, ...coin }) => {
        scripts.set(coin.txid, { ...coin, sat, script });
        return { ...coin, scriptPubKey: script, amount: btcFromSat(sat) };
      });
      return btc(JSON.stringify({ success: true, height: 100, unspents }));
    },
    gettxout: ([txid]) => {
      const { sat, script, height } = scripts.get(txid)!;
      return `{"value":${btcFromSat(sat)},"confirmations":${101 - height},"scriptPubKey":{"hex":"${script}"}}`;
    },
  };
}
