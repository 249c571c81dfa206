/**
 * The commands `channel-sweep` and `channel-penalty`: spends of what one side owns on the chain.
 *
 * BOLT5. Outputs that become valid at one moment go into one transaction. An HTLC of an own
 * commitment is spent by its HTLC transaction, which the other side has signed. If that pays no
 * fee, coins of a wallet do (SINGLE|ANYONECANPAY lets inputs be added). Not here: which transaction
 * is on the chain.
 */
import { hasTransaction, readPsbt, readSame } from '../bitcoin/psbt.ts';
import { feeFor, guardFee } from '../bitcoin/fee.ts';
import { Sighashes } from '../bitcoin/sighash.ts';
import { dustLimit, scriptType } from '../bitcoin/script.ts';
import { sumSat, txidOf, vsizeOfHex, withWitness, type Spent, type Template } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import type { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { publicBytes, secretScalar } from '../signing/curve.ts';
import { checkHtlcSignatures } from './build.ts';
import { secondStages, type Channel, type OutputRole, type SecondStage } from './commitment.ts';
import { readBytesList, readFeerate, type ChannelKeys, type KnownHtlc } from './document.ts';
import { commitmentSecrets, otherSide, type CommitmentSecrets } from './keys.ts';
import { kindOf, matchTransaction, readKnowledge, readTransaction, type Matched } from './match.ts';
import { channelWitness, type ChannelLock, type ChannelWay, type WayName } from './scripts.ts';
import { needSecret, type SecretStore } from './secrets.ts';
import { checkSecondStage, signWay, stageWitness } from './sign.ts';
import { finishWith, firstMoment } from './view.ts';

/** HTLC transaction, with the other side's signature. */
type Signed = SecondStage & { peer: Uint8Array };
/** Output and the way in which it is spent. */
interface OutputClaim {
  spent: Spent;
  role: OutputRole;
  lock: ChannelLock;
  way: ChannelWay;
  secret: Uint8Array | undefined;
  /** Public key of the way, 33 bytes. */
  key: Uint8Array | undefined;
  preimage: Uint8Array | undefined;
  /** Transaction of an HTLC's second stage. */
  stage: Signed | undefined;
}
/** Output that is not spent, and the reason. */
interface Left {
  vout: number;
  amount_sat: bigint;
  reason: string;
}

/** Ways in order of preference: of the holder, of the other side, of one who punishes. */
const WANTED = {
  holder: ['delayed', 'second-timeout', 'second-success'],
  other: ['payment', 'preimage', 'timeout'],
  punisher: ['penalty', 'payment'],
} as const satisfies Record<string, readonly WayName[]>;

/**
 * Returns the outputs that `as` can spend, and those that are left.
 * @param stages HTLC transactions of an own commitment, signed by the other side
 */
export function claimsOf(
  template: Template,
  { kind, outputs, txid, keys, spent, point }: Matched,
  secrets: CommitmentSecrets,
  as: keyof typeof WANTED,
  stages: readonly Signed[] = [],
): { claims: OutputClaim[]; left: Left[] } {
  const unnamed = point
    ? 'no known key makes its script: an HTLC that was not named?'
    : "the other side's or an HTLC: the per-commitment point tells which";
  const unknown = kind === 'commitment' ? unnamed : 'not an output of this channel';
  const left: Left[] = [];
  const claims = template.outputs.flatMap(({ sat, script }, vout): OutputClaim | [] => {
    const leave = (reason: string): [] => {
      left.push({ vout, amount_sat: sat, reason });
      return [];
    };
    const known = outputs[vout];
    if (!known) return leave(unknown);
    if (spent.includes(vout)) return leave('spent already');
    if (known.role.endsWith('anchor')) return leave('an anchor');
    const { role, lock } = known;
    const way = WANTED[as].map((name) => lock.ways.find((one) => one.name === name)).find((one) => one);
    if (!way) return leave("the other side's");
    const stage = way.peer && stages.find((one) => one.vout === vout);
    if (way.peer && !stage)
      return leave("an HTLC of an own commitment: the peer's htlc_signatures, which the node has kept, expected");
    const { preimage } = (known.htlc ?? {}) as Partial<KnownHtlc>;
    if (way.words.includes('preimage') && !preimage) return leave('an HTLC to this side: its preimage is not known');
    const [secret, key] = [secrets[way.key!], keys[way.key!]];
    return { spent: { txid, vout, sat, script }, role, lock, way, secret, key, preimage, stage };
  });
  return { claims, left };
}

/**
 * Returns the most inputs of a transaction: 400,000 weight units are standard, 40,000 for an HTLC
 * transaction of version 3.
 */
const most = ({ stage }: OutputClaim): number => (!stage ? 900 : stage.template.version === 3 ? 50 : 400);
/** Longest signatures: DER with a high r and a type, or a Schnorr signature. */
const LONGEST = { ecdsa: new Uint8Array(73), schnorr: new Uint8Array(64) };

/** Output, feerate and coins of a spend. */
export interface Payout {
  /** Output script, hex. */
  to: Hex;
  /** Feerate in satoshis per 1,000 vbytes. */
  feerate: number;
  allowFee: boolean;
  /** Coins that pay for HTLC transactions that pay no fee. */
  coins?: readonly Spent[];
  /** PSBTs in which a wallet has signed for these coins. */
  merged?: readonly string[];
}
interface Spending {
  template: Template;
  claims: readonly OutputClaim[];
  feeSat: bigint;
  /** Undefined while a signature is missing. */
  hex: Hex | undefined;
  psbt: () => string;
}

/**
 * Makes the transactions that spend all claims: one for each moment at which some become valid.
 * @returns `left`, with the reason: outputs not worth their fee
 * @throws Refusal `fee-too-high`, `below-dust` if nothing is worth its fee, `transaction-differs`
 * for a PSBT of another transaction
 */
export function spendClaims(claims: readonly OutputClaim[], paying: Payout): { spends: Spending[]; left: Left[] } {
  const groups = Map.groupBy(claims, ({ way, stage, spent }) =>
    [way.locktime, way.sequence, stage && (paysItself(stage) ? spent.vout : 'stage')].join(' '),
  );
  const chunks = [...groups.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / most(group[0]!)) }, (_, i) =>
      group.slice(i * most(group[0]!), (i + 1) * most(group[0]!)),
    ),
  );
  const spends: Spending[] = [];
  const left: Left[] = [];
  const coins = [...(paying.coins ?? [])];
  for (const chunk of chunks) {
    const made = spendTogether(chunk, paying, coins);
    if (typeof made !== 'string') spends.push(made);
    else left.push(...chunk.map(({ spent }) => ({ vout: spent.vout, amount_sat: spent.sat, reason: made })));
  }
  if (spends.length === 0 && claims.some(({ stage }) => !stage))
    throw new Refusal('below-dust', `${sumSat(claims.map((c) => c.spent))} sat to spend found, ${left[0]!.reason}`, {
      hint: 'wait for lower fees, and give a lower --feerate',
    });
  const [first] = spends;
  for (const psbt of paying.merged ?? [])
    if (first && !spends.some(({ template }) => hasTransaction(readPsbt(psbt), template)))
      readSame(first.template, psbt, 'wallet');
  return { spends, left };
}
const paysItself = ({ template }: SecondStage): boolean => sumSat(template.inputs) > sumSat(template.outputs);

const longest = ({ lock, way, preimage, stage }: OutputClaim): Uint8Array[] => {
  const sig = lock.kind === 'p2tr' ? LONGEST.schnorr : LONGEST.ecdsa;
  return channelWitness(lock, way, { sig, preimage, key: new Uint8Array(33), 'peer-sig': stage && new Uint8Array(73) });
};

/** Makes one transaction, taking from `coins` what it needs; returns the reason if it cannot be. */
function spendTogether(claims: readonly OutputClaim[], paying: Payout, coins: Spent[]): Spending | string {
  const { way, stage } = claims[0]!;
  const fixed = claims.flatMap(({ stage }) => stage?.template.outputs ?? []);
  const added: Spent[] = [];
  for (;;) {
    const inputs = [
      ...claims.map(({ spent, way }) => ({ ...spent, sequence: way.sequence })),
      ...added.map((coin) => ({ ...coin, sequence: 0xfffffffd })),
    ];
    const total = sumSat(inputs);
    const template = (rest: bigint): Template => ({
      version: stage?.template.version ?? 2,
      locktime: way.locktime,
      inputs,
      outputs: stage && paysItself(stage) ? fixed : [...fixed, { sat: rest, script: paying.to }],
    });
    if (stage && paysItself(stage)) return finish(claims, template(0n), total - sumSat(fixed), paying);
    const wallet = added.map(({ script }) =>
      scriptType(script) === 'p2tr' ? [LONGEST.schnorr] : [LONGEST.ecdsa, new Uint8Array(33)],
    );
    const size = vsizeOfHex(withWitness(template(total), [...claims.map(longest), ...wallet]));
    const feeSat = feeFor(paying.feerate, size);
    const rest = total - feeSat - sumSat(fixed);
    const dust = dustLimit(paying.to);
    if (rest >= dust) {
      guardFee(feeSat, total, paying.allowFee);
      return finish(claims, template(rest), feeSat, paying);
    }
    if (!stage) return `not worth a fee of ${feeSat} sat and an output of ${dust} sat`;
    const coin = coins.shift();
    if (!coin) {
      coins.push(...added);
      return 'its HTLC transaction pays no fee: --utxo with coins that pay it expected';
    }
    added.push(coin);
  }
}
function finish(claims: readonly OutputClaim[], template: Template, feeSat: bigint, paying: Payout): Spending {
  const hashes = new Sighashes(template);
  const stacks = claims.map(({ lock, way, secret, key, preimage, stage }, index) => {
    if (!secret) return undefined;
    if (stage) return stageWitness(hashes, index, stage, { peer: stage.peer, secret, preimage });
    return channelWitness(lock, way, { sig: signWay(hashes, index, lock, way, secret), preimage, key });
  });
  const merged = (paying.merged ?? []).filter((psbt) => hasTransaction(readPsbt(psbt), template));
  const ways = claims.map(({ lock, way }) => [lock, way] as const);
  return { template, claims, feeSat, ...finishWith(template, stacks, merged, ways) };
}

/** Document that both commands print; complete if no signature is missing. */
export interface Recovered {
  document: object;
  complete: boolean;
}
function recovered(
  type: string,
  channel: Channel,
  matched: Matched,
  { claims, left }: ReturnType<typeof claimsOf>,
  paying: Payout,
): Recovered {
  if (claims.length === 0)
    throw new Refusal('unknown-commitment', 'no output found that these keys can spend', {
      hint: left[0] ? `output ${left[0].vout}: ${left[0].reason}` : 'is it a transaction of this channel?',
    });
  const made = spendClaims(claims, paying);
  const transactions = made.spends.map(({ template, claims, feeSat, hex, psbt }) => ({
    txid: txidOf(template),
    hex: hex ?? null,
    psbt: hex === undefined ? psbt() : null,
    amount_sat: sumSat(template.outputs),
    fee_sat: feeSat,
    valid_from: firstMoment(claims[0]!.way) ?? {},
    outputs: claims.map(({ spent, role, way }) => ({ vout: spent.vout, amount_sat: spent.sat, role, way: way.name })),
  }));
  const { holder, number = null, txid: spends } = matched;
  const envelope = { type, version: 1, network: channel.network, format: channel.format };
  return {
    complete: made.spends.every(({ hex }) => hex !== undefined),
    document: { ...envelope, spends, holder, number, transactions, left: [...left, ...made.left] },
  };
}

/**
 * Spends what the owner of `keys` has in a confirmed transaction.
 * @throws Refusal `unknown-commitment`, `wrong-key`, `fee-too-high`, `below-dust`,
 * `htlc-signatures`, `signature-invalid`
 */
export function sweepDocument(
  channel: Channel,
  from: Fields,
  keys: ChannelKeys,
  point: Uint8Array | undefined,
  paying: Payout,
): Recovered {
  const transaction = readTransaction(from);
  const known = readKnowledge(channel, from, keys, point);
  const signatures = readBytesList(from, 'htlc_signatures');
  const feerate = signatures ? readFeerate(from, channel.format) : 0;
  from.skip('feerate_per_kw');
  from.end();
  const matched = matchTransaction(channel, transaction, known);
  const { kind, holder, point: bound } = matched;
  const isHolder = holder === known.owner;
  if (kind === 'second stage' && !isHolder)
    throw new Refusal('unknown-commitment', "an HTLC transaction of the other side's commitment found", {
      hint: 'where that commitment was revoked: channel-penalty',
    });
  const secrets = commitmentSecrets(channel.format, keys.secrets, { owner: known.owner!, holder, point: bound });
  const stages = signatures && isHolder ? secondStages(channel, holder, matched, feerate) : [];
  if (isHolder) checkHtlcSignatures(signatures, stages, holder);
  const signed = stages.map((stage, i): Signed => ({ ...stage, peer: signatures![i]! }));
  for (const stage of signed) checkSecondStage(stage, stage.peer, matched);
  const found = claimsOf(transaction, matched, secrets, isHolder ? 'holder' : 'other', signed);
  return recovered('channel-sweep', channel, matched, found, paying);
}

/** Secret of a revoked commitment: as such, or in the store of what the peer revealed. */
export type RevocationSecret = { secret: Uint8Array } | { store: SecretStore };

/**
 * Takes everything in a revoked commitment of the other side, or in an HTLC transaction of one.
 * @throws Refusal `no-secret`, `secret-mismatch`, `unknown-commitment`, `wrong-key`,
 * `fee-too-high`, `below-dust`
 */
export function penaltyDocument(
  channel: Channel,
  from: Fields,
  keys: ChannelKeys,
  by: RevocationSecret,
  paying: Payout,
): Recovered {
  const transaction = readTransaction(from);
  const known = readKnowledge(channel, from, keys, undefined);
  from.end();
  const owner = known.owner!;
  const holder = otherSide(owner);
  const { number } = kindOf(channel, transaction, known.number);
  if (number === undefined && 'store' in by)
    throw new Refusal('no-secret', 'a transaction found that shows no commitment number, and none was given', {
      hint: 'for an HTLC transaction give the number of its commitment',
    });
  const revoked = 'secret' in by ? by.secret : needSecret(by.store, number!);
  const point = publicBytes(secretScalar(revoked));
  const matched = matchTransaction(channel, transaction, { ...known, pointOf: () => point, holder });
  const secrets = commitmentSecrets(channel.format, keys.secrets, { owner, holder, point, revoked });
  const found = claimsOf(transaction, matched, secrets, 'punisher');
  if (!found.claims.some(({ way }) => way.name === 'penalty'))
    throw new Refusal('secret-mismatch', 'no output found that this secret revokes', {
      hint: 'is it of another commitment, or of an own one?',
    });
  return recovered('channel-penalty', channel, matched, found, paying);
}
