/** `channel-bump`: coins and PSBTs from files, the child signed as far as it is, the package for a node. */
import { scriptOf } from '../../lib/bitcoin/address.ts';
import { bytesToHex } from '../../lib/bitcoin/bytes.ts';
import { parseCoins } from '../../lib/bitcoin/coins.ts';
import { feerateOf, feerateText } from '../../lib/bitcoin/fee.ts';
import type { Network } from '../../lib/bitcoin/network.ts';
import { readSame, writePsbt } from '../../lib/bitcoin/psbt.ts';
import { toTransaction, txidOf, txidOfHex, vsizeOfHex, withWitness } from '../../lib/bitcoin/transaction.ts';
import { putWitnesses, witnessesOf } from '../../lib/bitcoin/wallet-inputs.ts';
import { bumpChild } from '../../lib/channel/bump.ts';
import { parseJson, type Json } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { leastChild } from '../../lib/engine/bump-least.ts';
import { chainOf, type ChainValues } from '../../lib/cli/chain.ts';
import { channelFrom, keysFrom, rawTransaction } from './shared.ts';
import { psbtFrom } from '../../lib/cli/contract-flags.ts';
import { factsFor, TRANSACTION_LIMIT } from '../htlc/shared.ts';
import { readInput } from '../../lib/cli/input.ts';
import { note } from '../../lib/engine/log.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import { runStateless } from '../../lib/cli/stateless.ts';

interface Values extends ChainValues {
  network?: Network | undefined;
  channel?: string | undefined;
  keys?: string | undefined;
  point?: Uint8Array | undefined;
  utxo: string;
  change: string;
  merge?: string[] | undefined;
  'parent-fee'?: bigint | undefined;
  feerate?: number | undefined;
  'allow-fee'?: boolean;
}

/** An unconfirmed coin would make a second parent of the child, which BIP431 does not allow. @throws Refusal `truc-limit` */
function checkConfirmed(json: Json): void {
  for (const coin of Array.isArray(json) ? json : [])
    if ((coin as { confirmations?: Json } | null)?.confirmations === 0)
      throw new Refusal('truc-limit', 'an unconfirmed coin found: a child of a version 3 parent has no other', {
        hint: 'list confirmed coins: listunspent 1',
      });
}

/** @throws Refusal as `bumpChild`; `usage` without a network, `signature-invalid`, `sighash-refused`, `transaction-differs` */
export async function runChannelBump(flags: Values, file: string | undefined, argv: readonly string[]): Promise<void> {
  const keys = await keysFrom(flags.keys);
  const json = parseJson(utf8(await readInput(flags.utxo, 64_000_000)));
  const merged = await Promise.all((flags.merge ?? []).map(psbtFrom));
  await runStateless({ file, raw: rawTransaction, limit: TRANSACTION_LIMIT }, async (document) => {
    const channel = flags.channel === undefined ? undefined : await channelFrom(flags.channel);
    const network = channel?.network ?? flags.network;
    if (!network) throw new Refusal('usage', 'no network found: --network or --channel expected');
    const parent = bytesToHex(document.need('transaction', document.bytes('transaction'), 'a transaction in hex'));
    document.end();
    if (parent.startsWith('03000000')) checkConfirmed(json);
    const { facts, checks } = await factsFor(flags, network, argv);
    const { rpc } = await chainOf(flags, argv);
    const { least = () => 0n } = rpc ? await leastChild(rpc, parent) : {};
    const child = bumpChild(parent, flags['parent-fee'], channel && keys && { channel, keys, point: flags.point }, {
      coins: parseCoins(json),
      payTo: scriptOf(flags.change, network),
      feerate: facts.feerate,
      allowFee: flags['allow-fee'] ?? false,
      least,
    });
    const { template, anchor } = child;
    const witnesses = new Map<number, readonly Uint8Array[]>([[0, anchor]]);
    const others = template.inputs.map((_, i) => i).slice(1);
    for (const psbt of merged)
      for (const [i, stack] of witnessesOf(template, readSame(template, psbt, 'wallet'), others))
        witnesses.set(i, stack);
    const missing = others.filter((i) => !witnesses.has(i));
    const hex =
      missing.length === 0
        ? withWitness(
            template,
            template.inputs.map((_, i) => witnesses.get(i)!),
          )
        : undefined;
    if (!hex) {
      note('sign the PSBT in the wallet that owns the coins, and give it back with --merge FILE');
      process.exitCode = 3;
    }
    const fee = child.parentFeeSat + child.feeSat;
    return {
      type: 'channel-bump',
      version: 1,
      network,
      package: hex ? [parent, hex] : null,
      txids: [txidOfHex(parent), txidOf(template)],
      fee_sat: child.feeSat,
      package_fee_sat: fee,
      ...(hex && { feerate: feerateText(feerateOf(fee, vsizeOfHex(parent) + vsizeOfHex(hex))) }),
      psbt: writePsbt(putWitnesses(toTransaction(template), witnesses)),
      checks,
    };
  });
}
