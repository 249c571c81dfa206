/**
 * Spends of what one side owns of a commitment or of an HTLC transaction: its own, the other side's, or a revoked one.
 *
 * BOLT5. What becomes valid at one moment goes into one transaction. Not here: which transaction is on the chain, HTLC
 * transactions of an own commitment (`build.ts` makes them with the other side's signatures).
 */
import { feeFor, guardFee } from '../bitcoin/fee.ts';
import { Sighashes } from '../bitcoin/sighash.ts';
import { dustLimit } from '../bitcoin/script.ts';
import { sumSat, txidOf, unsignedHex, withWitness, type Spent, type Template } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Role } from './commitment.ts';
import type { KnownHtlc } from './document.ts';
import type { CommitmentSecrets } from './keys.ts';
import type { Matched } from './match.ts';
import type { Lock, Way } from './scripts.ts';
import { signWay, stackOf, type Given } from './sign.ts';
import { spendPsbt } from './view.ts';

/** One output and the way in which it is spent. */
export interface Claim {
  spent: Spent;
  role: Role | 'second stage';
  lock: Lock;
  way: Way;
  secret: Uint8Array | undefined;
  /** The key of the way, 33 bytes. */
  key: Uint8Array | undefined;
  preimage?: Uint8Array | undefined;
}
/** An output that is not spent, and why. */
export interface Left {
  vout: number;
  amount_sat: bigint;
  reason: string;
}
export interface Found {
  claims: Claim[];
  left: Left[];
}
type Choice = (lock: Lock, htlc: KnownHtlc | undefined) => { way: Way; preimage?: Uint8Array | undefined } | string;

/** The ways of one who may sweep: as holder after the delay, as the other side by payment key, preimage or timeout. */
export const sweeping =
  (isHolder: boolean): Choice =>
  (lock, htlc) => {
    const way = (name: Way['name']): Way | undefined => lock.ways.find((w) => w.name === name);
    if (isHolder) {
      const delayed = way('delayed');
      if (delayed) return { way: delayed };
      return htlc
        ? 'an HTLC of an own commitment: by its HTLC transaction, which channel-build makes'
        : "the other side's";
    }
    const payment = way('payment');
    if (payment) return { way: payment };
    const [preimage, timeout] = [way('preimage'), way('timeout')];
    if (preimage)
      return htlc?.preimage
        ? { way: preimage, preimage: htlc.preimage }
        : 'an HTLC to this side: its preimage is not known';
    return timeout ? { way: timeout } : "the other side's";
  };
/** The ways of one who punishes: the revocation key wherever it opens, and the own to_remote. */
export const punishing: Choice = (lock) => {
  const way = lock.ways.find(({ name }) => name === 'penalty') ?? lock.ways.find(({ name }) => name === 'payment');
  return way ? { way } : 'an anchor';
};

/** What can be spent of a commitment. */
export function claimsOf(
  template: Template,
  { outputs, txid, keys }: Matched,
  secrets: CommitmentSecrets,
  choose: Choice,
): Found {
  const found: Found = { claims: [], left: [] };
  template.outputs.forEach(({ sat, script }, vout) => {
    const known = outputs[vout];
    const leave = (reason: string): void => void found.left.push({ vout, amount_sat: sat, reason });
    if (!known) return leave('no known key makes its script: an HTLC that was not named?');
    if (known.role.endsWith('anchor')) return leave('an anchor');
    const choice = choose(known.lock, known.htlc as KnownHtlc | undefined);
    if (typeof choice === 'string') return leave(choice);
    const { way, preimage } = choice;
    const [secret, key] = way.key ? [secrets[way.key], keys[way.key]] : [];
    found.claims.push({
      spent: { txid, vout, sat, script },
      role: known.role,
      lock: known.lock,
      way,
      secret,
      key,
      preimage,
    });
  });
  return found;
}
/** What can be spent of an HTLC transaction of either side. */
export function stageClaims(
  template: Template,
  lock: Lock,
  secrets: CommitmentSecrets,
  by: 'delayed' | 'penalty',
): Found {
  const txid = txidOf(template);
  const way = lock.ways.find(({ name }) => name === by)!;
  const claims = template.outputs.flatMap(({ sat, script }, vout): Claim[] =>
    script === lock.script
      ? [
          {
            spent: { txid, vout, sat, script },
            role: 'second stage',
            lock,
            way,
            secret: secrets[way.key!],
            key: undefined,
          },
        ]
      : [],
  );
  const left = template.outputs.flatMap(({ sat, script }, vout) =>
    script === lock.script ? [] : [{ vout, amount_sat: sat, reason: 'not an output of this channel' }],
  );
  return { claims, left };
}

/** A standard transaction holds no more inputs of this kind (400,000 weight units). */
const MOST_INPUTS = 900;
/** The longest signatures there are: DER with a high r, and a type. */
const LONGEST = { ecdsa: new Uint8Array(73), schnorr: new Uint8Array(64) };

export interface Spending {
  template: Template;
  claims: readonly Claim[];
  feeSat: bigint;
  /** Undefined while a key is missing. */
  hex: Hex | undefined;
  /** Of what is not finished, for whoever has the missing keys. */
  psbt: string | undefined;
}
export interface Paying {
  /** Output script, hex. */
  to: Hex;
  /** Satoshis for a thousand virtual bytes. */
  feerate: number;
  allowFee: boolean;
}

const given = (claim: Claim, signature: Uint8Array): Given => ({
  signature,
  ...(claim.preimage && { preimage: claim.preimage }),
  ...(claim.key && { key: claim.key }),
});

/**
 * The transactions that spend all of it: one for each moment at which something becomes valid.
 * @returns and what is not worth its fee @throws Refusal `fee-too-high`, `below-dust` where nothing is worth it
 */
export function spendClaims(claims: readonly Claim[], paying: Paying): { spends: Spending[]; left: Left[] } {
  const groups = Map.groupBy(claims, ({ way }) => `${way.locktime} ${way.sequence}`);
  const chunks = [...groups.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / MOST_INPUTS) }, (_, i) =>
      group.slice(i * MOST_INPUTS, (i + 1) * MOST_INPUTS),
    ),
  );
  const spends: Spending[] = [];
  const left: Left[] = [];
  for (const chunk of chunks) {
    const made = spendTogether(chunk, paying);
    if (made) spends.push(made);
    else left.push(...chunk.map((c) => ({ vout: c.spent.vout, amount_sat: c.spent.sat, reason: 'not worth its fee' })));
  }
  if (spends.length === 0 && claims.length > 0)
    throw new Refusal(
      'below-dust',
      `${sumSat(claims.map((c) => c.spent))} sat to spend found, which the fee would eat up`,
      {
        hint: 'wait for lower fees, and give a lower --feerate',
      },
    );
  return { spends, left };
}
/** Virtual size with these witnesses, none of whose elements has 253 bytes or more. */
const vsizeWith = (template: Template, stacks: readonly (readonly Uint8Array[])[]): number =>
  Math.ceil(
    (2 * unsignedHex(template).length + 2 + stacks.flat().reduce((sum, part) => sum + 1 + part.length, stacks.length)) /
      4,
  );
function spendTogether(claims: readonly Claim[], { to, feerate, allowFee }: Paying): Spending | undefined {
  const total = sumSat(claims.map((c) => c.spent));
  const template = (sat: bigint): Template => ({
    version: 2,
    locktime: claims[0]!.way.locktime,
    inputs: claims.map(({ spent, way }) => ({ ...spent, sequence: way.sequence })),
    outputs: [{ sat, script: to }],
  });
  const longest = claims.map((claim) =>
    stackOf(claim.lock, claim.way, {
      ...given(claim, claim.lock.kind === 'p2tr' ? LONGEST.schnorr : LONGEST.ecdsa),
      key: new Uint8Array(33),
    }),
  );
  const feeSat = feeFor(feerate, vsizeWith(template(total), longest));
  if (total - feeSat < dustLimit(to)) return undefined;
  guardFee(feeSat, total, allowFee);
  const final = template(total - feeSat);
  const hashes = new Sighashes(final);
  const complete = claims.every(({ secret }) => secret !== undefined);
  const stacks = claims.map((claim, index) =>
    claim.secret
      ? stackOf(claim.lock, claim.way, given(claim, signWay(hashes, index, claim.lock, claim.way, claim.secret)))
      : [],
  );
  return {
    template: final,
    claims,
    feeSat,
    hex: complete ? withWitness(final, stacks) : undefined,
    psbt: complete
      ? undefined
      : spendPsbt(
          final,
          claims.map(({ lock, way }) => [lock, way]),
          stacks,
        ),
  };
}
