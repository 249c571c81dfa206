/**
 * Open Assets transactions to be signed elsewhere, in the order of the reference builder.
 *
 * issuance: inputs are issuer, others; outputs are units…, marker, change
 * transfer: inputs are coins of the asset, others; outputs are marker, units…, units back, change
 *
 * Coins with units are spent only to send these on. Units that would be destroyed are refused,
 * unless burning is meant. The decoder reads the result before it is returned. Not here: signing.
 */
import { KEEP_ALL, SEQUENCE_RBF, type Output, type Spent } from '../../bitcoin/transaction.ts';
import { Transaction } from '@scure/btc-signer/transaction.js';
import { bytesToHex, hexToBytes } from '../../bitcoin/bytes.ts';
import { feeFor, guardFee } from '../../bitcoin/fee.ts';
import type { Network } from '../../bitcoin/network.ts';
import { outpointText } from '../../bitcoin/outpoint.ts';
import { writePsbt } from '../../bitcoin/psbt.ts';
import { dustLimit, outputSize, scriptType } from '../../bitcoin/script.ts';
import { allows } from '../../protocol/limit.ts';
import { Refusal } from '../../protocol/refusal.ts';
import { plainCoins, sortCoins, type SortedCoin } from '../check.ts';
import { opReturnScript } from '../script.ts';
import type { Parents } from '../trace.ts';
import { readTx } from '../transaction.ts';
import { OpenAssets } from './decode.ts';
import { assetId } from './ids.ts';
import { MARKER_LIMITS, writeMarker } from './marker.ts';

export interface Grant {
  /** Hex. */
  script: string;
  units: bigint;
}
export interface BuildRequest {
  coins: readonly Spent[];
  parents: Parents;
  network: Network;
  /** Hex. */
  change: string;
  /** Feerate in satoshis for 1000 vB. */
  feerate: number;
  allowFee?: boolean;
  burn?: boolean;
  grants: readonly Grant[];
  metadata?: Uint8Array;
}
export interface IssueUnits extends BuildRequest {
  /** Coin (`txid:vout`) whose script issues; the first coin by default. */
  issuer?: string | undefined;
}
export interface TransferUnits extends BuildRequest {
  /** Hash of the asset, in hex. */
  asset: string;
  /** Script for units left over, in hex; by default that of the asset's first coin. */
  unitsChange?: string | undefined;
}

export interface BuiltTransaction {
  txid: string;
  psbt: string;
  fee: bigint;
  asset: string;
  destroyed: readonly { asset_id: string; quantity: string }[];
  inputs: readonly Spent[];
  outputs: readonly Output[];
}
export type Building = BuiltTransaction | { missing: readonly string[] };

/** Virtual bytes of a signed input; a script of unknown size counts as 2-of-3. */
const INPUT: Readonly<Record<string, number>> = { p2pkh: 148, p2wpkh: 68, p2tr: 58, p2sh: 297, p2wsh: 105 };

const sizeOf = (inputs: readonly Spent[], outputs: readonly Output[]): number =>
  11 +
  inputs.reduce((sum, { script }) => sum + (INPUT[scriptType(script)] ?? 297), 0) +
  outputs.reduce((sum, { script }) => sum + outputSize(script), 0);

/** Returns the units of an asset in a coin that carries nothing else; 0 for other coins. */
const unitsOf = (entry: SortedCoin, asset: string): bigint => {
  const [only, ...more] = entry.carries ?? [];
  return only?.protocol === 'openassets' && only.asset === asset && more.length === 0 ? only.units : 0n;
};

const dusted = (grants: readonly Grant[]): Output[] => grants.map(({ script }) => ({ script, sat: dustLimit(script) }));
/** Makes the marker's output. @throws Refusal `usage` if no push holds it */
function markerOf(quantities: readonly bigint[], metadata: Uint8Array = new Uint8Array()): Output {
  const payload = writeMarker({ quantities, metadata });
  const limit = MARKER_LIMITS.marker;
  if (!allows(limit, payload.length))
    throw new Refusal('usage', `a marker of ${payload.length} bytes found, at most ${limit.most} expected`);
  return { sat: 0n, script: bytesToHex(opReturnScript(payload)) };
}

/**
 * Builds an issuance of one asset.
 * @throws Refusal `not-enough-coins`, `units-destroyed`, `fee-too-high`, `malformed-coins`, `usage`
 */
export function buildIssue(issue: IssueUnits): Building {
  const { coins, grants, metadata } = issue;
  const named = issue.issuer === undefined ? 0 : coins.findIndex((coin) => outpointText(coin) === issue.issuer);
  const first = coins[named];
  if (!first) throw new Refusal('not-enough-coins', `no coin ${issue.issuer ?? ''} found to issue from`);
  const [issuer, ...others] = sortCoins([first, ...coins.filter((coin) => coin !== first)], issue);
  if (!issue.burn) {
    if (!issuer!.carries) return { missing: [issuer!.missing] };
    const [units] = issuer!.carries;
    if (units)
      throw new Refusal(
        'units-destroyed',
        `the issuing coin carries ${units.units} units (${units.protocol}) that an issuance would destroy`,
        {
          hint: '--burn if this is meant, --issuer to name another coin',
        },
      );
  }
  const outputs = [
    ...dusted(grants),
    markerOf(
      grants.map(({ units }) => units),
      metadata,
    ),
  ];
  return finish(issue, [first], others, outputs);
}

/**
 * Builds a transfer of units of one asset.
 * @throws Refusal `not-enough-units`, `not-enough-coins`, `fee-too-high`, `malformed-coins`,
 *   `usage`
 */
export function buildTransfer(transfer: TransferUnits): Building {
  const { grants, asset, network, burn, metadata } = transfer;
  const sorted = sortCoins(transfer.coins, transfer);
  const wanted = grants.reduce((sum, { units }) => sum + units, 0n);
  const taken: Spent[] = [];
  let held = 0n;
  for (const entry of sorted) {
    const units = unitsOf(entry, assetId(asset, network));
    if (held >= wanted || units === 0n) continue;
    taken.push(entry.coin);
    held += units;
  }
  if (held < wanted) {
    const { missing } = plainCoins(sorted);
    if (missing.length > 0) return { missing };
    throw new Refusal('not-enough-units', `${held} units of ${assetId(asset, network)} found, ${wanted} expected`);
  }
  const back = transfer.unitsChange ?? taken[0]!.script;
  const all = held > wanted && !burn ? [...grants, { script: back, units: held - wanted }] : grants;
  const outputs = [
    markerOf(
      all.map(({ units }) => units),
      metadata,
    ),
    ...dusted(all),
  ];
  return finish(
    transfer,
    taken,
    sorted.filter(({ coin }) => !taken.includes(coin)),
    outputs,
  );
}

/** Adds coins without units for the fee, and the change; then reads the result. */
function finish(
  common: BuildRequest,
  taken: readonly Spent[],
  others: readonly SortedCoin[],
  made: readonly Output[],
): Building {
  const { feerate, change, network, parents } = common;
  const inputs = [...taken];
  const { plain, missing } = plainCoins(others);
  const sum = (list: readonly { sat: bigint }[]): bigint => list.reduce((total, { sat }) => total + sat, 0n);
  const needed = (): bigint => sum(made) + feeFor(feerate, sizeOf(inputs, made)) - sum(inputs);
  while (needed() > 0n) {
    const next = plain.shift();
    if (next) {
      inputs.push(next);
      continue;
    }
    if (missing.length > 0) return { missing };
    throw new Refusal('not-enough-coins', `${needed()} sat more expected, in coins without units`);
  }
  const withChange = [...made, { script: change, sat: 0n }];
  const rest = sum(inputs) - sum(made) - feeFor(feerate, sizeOf(inputs, withChange));
  const outputs = rest >= dustLimit(change) ? [...made, { script: change, sat: rest }] : [...made];
  const fee = sum(inputs) - sum(outputs);
  guardFee(fee, sum(inputs), common.allowFee);
  return checked(inputs, outputs, fee, network, parents, common.burn ?? false, common);
}

function checked(
  inputs: readonly Spent[],
  outputs: readonly Output[],
  fee: bigint,
  network: Network,
  parents: Parents,
  burn: boolean,
  { grants }: BuildRequest,
): Building {
  const tx = new Transaction({ ...KEEP_ALL, version: 2 });
  for (const { txid, vout, sat, script } of inputs) {
    const legacy = !['p2wpkh', 'p2wsh', 'p2tr', 'witness'].includes(scriptType(script));
    const parent = parents.get(txid);
    if (legacy && !parent) return { missing: [txid] };
    const spent = legacy
      ? { nonWitnessUtxo: parent!.bytes }
      : { witnessUtxo: { amount: sat, script: hexToBytes(script) } };
    tx.addInput({ txid, index: vout, sequence: SEQUENCE_RBF, ...spent });
  }
  for (const { sat, script } of outputs) tx.addOutput({ amount: sat, script: hexToBytes(script) });
  const read = readTx(tx.unsignedTx);
  const document = new OpenAssets({ network, parents }).decode(read, { allInputs: !burn });
  if (document.missing.length > 0) return { missing: document.missing };
  const given = (document['outputs'] as { asset_hash160: string | null; quantity: string }[]).filter(
    (o) => o.asset_hash160,
  );
  const destroyed = document['destroyed'] as BuiltTransaction['destroyed'];
  const wanted = grants.every(({ units }, i) => given[i]?.quantity === String(units));
  // What is not burned on purpose goes back to its owner, and a coin with units pays no fee.
  if (!wanted || (destroyed.length > 0 && !burn))
    throw new Refusal('bug', 'the transaction that was built reads otherwise than it was meant');
  return {
    txid: read.txid,
    psbt: writePsbt(tx),
    fee,
    asset: given[0]?.asset_hash160 ?? '',
    destroyed,
    inputs,
    outputs,
  };
}
