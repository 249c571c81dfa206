/** Histories of statecoins whose every key is known: what honest parties would have made, and an operator that may state anything. */
import { addressOf, scriptOf } from '../../src/lib/bitcoin/address.ts';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { withWitness } from '../../src/lib/bitcoin/transaction.ts';
import { toBytes } from '../../src/lib/signing/curve.ts';
import { nextOffset, firstMessage, secondMessage, type UpdatePair } from '../../src/lib/signing/key-update.ts';
import { keySet } from '../../src/lib/signing/keyset.ts';
import { nonceAgg, nonceGen, partialAgg, publicKey, session, sign } from '../../src/lib/signing/musig2.ts';
import { xOnlyKey } from '../../src/lib/signing/bip340.ts';
import type { History } from '../../src/lib/statechain/history.ts';
import { signStatement, type OwnerEntry, type PublicRecord } from '../../src/lib/statechain/statements.ts';
import { coinId, locktimeAt, NO_OFFSET, viewOf, type Coin, type Terms } from '../../src/lib/statechain/terms.ts';
import { backup, backupSighash } from '../../src/lib/statechain/transactions.ts';
import { ADDRESSES } from '../credit/things.ts';

export const secret = (n: number): Uint8Array => toBytes(BigInt(n) * 7919n + 11n);
export const pub = (s: Uint8Array): string => bytesToHex(publicKey(s));
const OPERATOR = secret(9_001);

/** A coin with so many owners, all keys known: what honest parties would have made of it. `change`: under other terms. */
export function honest(owners: number, change: Partial<Terms> = {}): History {
  const network = change.network ?? 'regtest';
  const [one, other] = [ADDRESSES.p2tr, ADDRESSES.p2wpkh].map((a) => addressOf(scriptOf(a, 'regtest'), network)!);
  const shares = Array.from({ length: owners }, (_, i) => [secret(2 * i + 1), secret(2 * i + 2)] as const);
  const terms: Terms = {
    network,
    operator: xOnlyKey(OPERATOR),
    operator_pubkey: pub(shares[0]![0]),
    owner_pubkey: pub(shares[0]![1]),
    owner_auth: xOnlyKey(secret(5_000)),
    owner_address: one!,
    amount_sat: 1_000_000n,
    locktime: 20_000,
    step_blocks: 100,
    margin_blocks: 20,
    min_remaining_blocks: 50,
    min_conf: 1,
    ...change,
  };
  const coin: Coin = { id: coinId(terms), terms, outpoint: { txid: 'aa'.repeat(32), vout: 1 } };
  const entries: OwnerEntry[] = [];
  const backups: string[] = [];
  shares.forEach(([s, o], n) => {
    const pair: UpdatePair = [pub(s), pub(o)];
    const from = shares[n - 1];
    const last = entries.at(-1);
    let offset = NO_OFFSET;
    if (from && last) {
      const x = secret(7_000 + n);
      const before: UpdatePair = [last.operator_pubkey, last.owner_pubkey];
      const m2 = secondMessage(firstMessage(before, from[1], x), pair, o);
      offset = nextOffset({ pair: before, offset: last.offset, share: from[0] }, { pair, share: s }, m2, x);
    }
    const to = { address: n % 2 ? other! : one!, locktime: locktimeAt(terms, n) };
    const sighash = backupSighash(coin, to);
    entries.push({
      operator_pubkey: pair[0],
      owner_pubkey: pair[1],
      owner_auth: xOnlyKey(secret(5_000 + n)),
      offset,
      ...to,
      sighash,
    });
    const agg = keySet(pair, { offset }).agg;
    const nonces = [s, o].map((key, i) =>
      nonceGen({ random: secret(100 + n * 2 + i), secret: key, pubkey: publicKey(key), message: hexToBytes(sighash) }),
    );
    const made = session(agg, nonceAgg(nonces.map((k) => k.pubnonce)), hexToBytes(sighash));
    const signature = partialAgg(
      nonces.map((k, i) => sign(k.secnonce, [s, o][i]!, made)),
      made,
    );
    backups.push(withWitness(backup(coin, to), [[signature]]));
  });
  return { coin, backups, record: recordOf(coin, entries) };
}
export const recordOf = (
  coin: Coin,
  entries: readonly OwnerEntry[],
  change: Partial<PublicRecord> = {},
): PublicRecord => {
  const record = {
    coin: viewOf(coin),
    state: 'open' as const,
    entries: [...entries],
    signed: entries.map(({ sighash }) => ({ kind: 'backup' as const, sighash })),
    count: entries.length,
    opening: null,
    cancelled: [],
    height: 1000,
    ...change,
  };
  return { ...record, signature: signStatement('record', record, OPERATOR) };
};
