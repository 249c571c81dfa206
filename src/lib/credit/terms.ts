/**
 * Terms on which two parties agree when they open a credit contract, and what follows from them
 * alone.
 *
 * The contract is a one-way (Spillman) channel in a MuSig2 taproot output. The payer funds it; the
 * payee is paid by updates that it could publish at any time. From `expiry` on the payer has
 * everything back that was not published. The contract's id is a hash of the terms; the outpoint is
 * not part of it, so that the id exists before the funding.
 */
import * as v from 'valibot';
import { addressOf, scriptOf } from '../bitcoin/address.ts';
import { withChecksum } from '../bitcoin/descriptor.ts';
import { knownNetwork, type Network } from '../bitcoin/network.ts';
import type { Outpoint } from '../bitcoin/outpoint.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import type { Party } from '../protocol/action.ts';
import { canonicalJson } from '../protocol/json.ts';
import { wholeIn, type Limits } from '../protocol/limit.ts';
import { checkDerived, descriptor, height, hexOf, inOrder, outpoint, pubkey, sat, text } from '../protocol/message.ts';
import { checkSound, checkWithin } from '../protocol/policy.ts';
import { Refusal } from '../protocol/refusal.ts';
import { taggedTextHash } from '../signing/curve.ts';
import { sortedKeySet, type KeySet } from '../signing/keyset.ts';
import type { Side } from '../signing/side.ts';

/** Party of a credit contract. */
export type Role = 'payer' | 'payee';
export const otherRole = (role: Role): Role => (role === 'payer' ? 'payee' : 'payer');

/**
 * Issuers of ecash for a contract's sats, fixed by its terms. `home`: the payee's home itself.
 * `signer`: a signer that it asks. `notify`: a mint that a program tells of totals. `cdk`: a
 * cdk-mintd whose payment backend it is. `none`: nobody.
 */
export const ISSUERS = ['none', 'home', 'signer', 'notify', 'cdk'] as const;
export type Issuer = (typeof ISSUERS)[number];

/** Returns the policy of a payee that has set no other. */
export const defaultPolicy = (network: Network): Policy => ({
  min_amount_sat: 10_000n,
  max_amount_sat: 100_000_000n,
  min_blocks: 1_008,
  max_blocks: 52_560,
  exit_feerate: 2,
  min_conf: network === 'regtest' ? 1 : 3,
  freeze_blocks: 288,
  margin_blocks: 144,
});

export const CREDIT_LIMITS = {
  feerate: { unit: 'sat/vB', least: 1, most: 1_000 },
  confirmations: { unit: 'confirmations', least: 1, most: 1_000 },
  blocks: { unit: 'blocks', least: 1, most: 1_000_000 },
  mint: { unit: 'characters', most: 200 },
  capacity: {
    unit: 'sat',
    least: (p: Policy) => p.min_amount_sat,
    most: (p: Policy) => p.max_amount_sat,
  },
  expiry: {
    unit: 'height',
    least: (p: Policy, tip: number) => tip + p.min_blocks,
    most: (p: Policy, tip: number) => tip + p.max_blocks,
  },
} satisfies Limits;

/**
 * @throws Refusal `usage` for a policy that contradicts itself; `malformed-message` for one that
 * came in an offer
 */
export function checkPolicy(p: Policy, from?: Party): Policy {
  const wrong =
    p.min_amount_sat > p.max_amount_sat
      ? 'the least amount is above the largest'
      : p.min_blocks > p.max_blocks
        ? 'the shortest term is above the longest'
        : p.freeze_blocks <= p.margin_blocks
          ? 'updates must end (freeze) more blocks before expiry than the exit begins (margin)'
          : p.min_blocks <= p.freeze_blocks
            ? 'the shortest term must be longer than the freeze'
            : undefined;
  checkSound(wrong, from);
  return p;
}

const feerate = wholeIn(CREDIT_LIMITS.feerate);
const confirmations = wholeIn(CREDIT_LIMITS.confirmations);
const blocks = wholeIn(CREDIT_LIMITS.blocks);

const issuer = v.picklist(ISSUERS);
/** URL of a mint without user, query, fragment or final slash, so that it has one form. */
export const mintUrl = v.pipe(
  v.string(),
  v.maxLength(CREDIT_LIMITS.mint.most),
  v.regex(/^https?:\/\/[a-z0-9.:[\]-]+(?:\/[A-Za-z0-9._~-]+)*$/, 'the URL of a mint'),
);

const policySchema = v.strictObject({
  min_amount_sat: sat,
  max_amount_sat: sat,
  /** Distance from the tip at which a contract may expire. */
  min_blocks: blocks,
  max_blocks: blocks,
  /** sat/vB, of exit and refund. */
  exit_feerate: feerate,
  min_conf: confirmations,
  freeze_blocks: blocks,
  margin_blocks: blocks,
});
/** Bounds within which a payee accepts a contract, stated in its offer. */
export type Policy = v.InferOutput<typeof policySchema>;

export const offerSchema = v.strictObject({
  pubkey,
  auth: hexOf(32),
  address: text,
  policy: policySchema,
  ecash: issuer,
  /** Mint behind the contract. Without ecash, that mint is the payer (reverse). */
  mint_url: v.nullable(mintUrl),
});
/** Offer of a payee: its keys, its policy, and who issues ecash. */
export type Offer = v.InferOutput<typeof offerSchema>;

export const termsEntries = {
  payer_pubkey: pubkey,
  payee_pubkey: pubkey,
  payer_auth: hexOf(32),
  payee_auth: hexOf(32),
  payer_address: text,
  payee_address: text,
  capacity_sat: sat,
  expiry: height,
  exit_feerate: feerate,
  min_conf: confirmations,
  freeze_blocks: blocks,
  margin_blocks: blocks,
  ecash: issuer,
  /** The payer's key to which the contract's quotes are locked (NUT-20). */
  ecash_pubkey: v.nullable(pubkey),
  mint_url: v.nullable(mintUrl),
};
const termsSchema = v.strictObject(termsEntries);
/** Terms of a credit contract; their hash is its id. */
export type Terms = v.InferOutput<typeof termsSchema> & { network: Network };

/** Contract in messages: its terms and the values derived from them. */
const contractEntries = {
  id: hexOf(32),
  ...termsEntries,
  address: text,
  descriptor,
  outpoint,
};
export const contractSchema = v.strictObject(contractEntries);
/** Contract as messages show it, parsed. */
export type ContractView = v.InferOutput<typeof contractSchema>;

/** A contract as records hold it. */
export interface Contract {
  id: string;
  terms: Terms;
  outpoint: Outpoint;
}

/** Returns the id of a contract: a tagged hash of its terms as canonical JSON. */
export const contractId = (terms: Terms): string => bytesToHex(taggedTextHash('spillway/terms', canonicalJson(terms)));

/** Returns the aggregate key of payer and payee. */
export const keysOf = (terms: Terms): KeySet => sortedKeySet([terms.payer_pubkey, terms.payee_pubkey]);
export const pubkeyOf = (terms: Terms, role: Role): string =>
  role === 'payer' ? terms.payer_pubkey : terms.payee_pubkey;
export const authOf = (terms: Terms, role: Role): string => (role === 'payer' ? terms.payer_auth : terms.payee_auth);
export const payoutScript = (terms: Terms, role: Role): string =>
  scriptOf(role === 'payer' ? terms.payer_address : terms.payee_address, terms.network);

/** Returns the address that funds a contract. */
export const contractAddress = (terms: Terms): string => addressOf(keysOf(terms).script, terms.network)!;
/** Returns the output descriptor of a contract, `tr(musig(…))` with its checksum (BIP390). */
export const contractDescriptor = (terms: Terms): string =>
  withChecksum(`tr(musig(${keysOf(terms).participants.join()}))`);

/** The contract as messages show it, its fields always in the same order. */
export function viewOf({ id, terms, outpoint: at }: Contract): ContractView {
  const all = { ...terms, id, address: contractAddress(terms), descriptor: contractDescriptor(terms), outpoint: at };
  return inOrder(contractEntries, all) as ContractView;
}

/**
 * The terms of an opening, from the payee's offer and the payer's choice; `ecash`: the payer's key,
 * made where it is needed.
 * @throws Refusal `out-of-policy`, `key-rejected`
 */
export function termsFrom(
  network: string,
  offer: Offer,
  payer: Side & { ecash: () => string },
  capacity: bigint,
  expiry: number,
): Terms {
  const { policy } = offer;
  checkPolicy(policy, 'payee');
  return {
    network: knownNetwork(network),
    payer_pubkey: payer.pubkey,
    payee_pubkey: offer.pubkey,
    payer_auth: payer.auth,
    payee_auth: offer.auth,
    payer_address: payer.address,
    payee_address: offer.address,
    capacity_sat: capacity,
    expiry,
    exit_feerate: policy.exit_feerate,
    min_conf: policy.min_conf,
    freeze_blocks: policy.freeze_blocks,
    margin_blocks: policy.margin_blocks,
    ecash: offer.ecash,
    ecash_pubkey: offer.ecash === 'none' ? null : payer.ecash(),
    mint_url: offer.mint_url,
  };
}

/** Returns whether a mint is the payer, whose debt customers raise. */
export const isReverse = (terms: Terms): boolean => terms.ecash === 'none' && terms.mint_url !== null;

/** Returns whether the issuer learns of payments by updates alone. */
export const hearsByUpdates = (terms: Terms): boolean => terms.ecash === 'notify';

/** @throws Refusal `terms-differ` for an issuer without its key or URL, or with too many */
function checkEcash(terms: Terms, from: Party): void {
  const wrong =
    (terms.ecash === 'none') !== (terms.ecash_pubkey === null)
      ? 'an ecash key belongs to a contract with ecash, and to no other'
      : terms.ecash === 'cdk' && terms.mint_url === null
        ? 'a contract whose sats a running mint issues names its URL'
        : undefined;
  if (wrong) throw new Refusal('terms-differ', wrong, { blame: from });
}

/**
 * Checks a contract that the other party states, before anything is signed: the terms are those of
 * the offer and within its bounds, and everything derived is derived from them.
 */
export function readContract(view: ContractView, network: Network, from: Party): Contract {
  const { id: _, address: __, descriptor: ___, outpoint: at, ...stated } = view;
  const terms = { network, ...stated };
  checkKeys(terms, from);
  const contract = { id: contractId(terms), terms, outpoint: at };
  checkDerived('contract', viewOf(contract), view, from);
  return contract;
}

/** @throws Refusal `key-rejected` for keys that are no points, are equal, or sum to nothing */
export function checkKeys(terms: Terms, from: Party): void {
  const refuse = (why: string) => new Refusal('key-rejected', why, { blame: from });
  if (terms.payer_pubkey.slice(2) === terms.payee_pubkey.slice(2))
    throw refuse("payer's and payee's keys are the same point");
  if (terms.payer_auth === terms.payee_auth) throw refuse("payer's and payee's authentication keys are the same");
  checkEcash(terms, from);
  const signing = [terms.payer_pubkey.slice(2), terms.payee_pubkey.slice(2)];
  if (terms.ecash_pubkey && [...signing, terms.payer_auth, terms.payee_auth].includes(terms.ecash_pubkey.slice(2)))
    throw refuse('the ecash key is used for something else too');
  if (signing.includes(terms.payer_auth) || signing.includes(terms.payee_auth))
    throw refuse('a key is used for signing and for authentication');
  try {
    keysOf(terms);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw refuse('a key of the contract is no point of the curve');
  }
}

/** @throws Refusal `out-of-policy` naming the bound that the terms leave */
export function checkTermsWithin(terms: Terms, policy: Policy, tip: number | 'not-checked'): void {
  const { capacity, expiry } = CREDIT_LIMITS;
  checkWithin('capacity in sat', terms.capacity_sat, capacity.least(policy), capacity.most(policy));
  if (tip !== 'not-checked') checkWithin('expiry', terms.expiry, expiry.least(policy, tip), expiry.most(policy, tip));
  for (const name of ['exit_feerate', 'min_conf', 'freeze_blocks', 'margin_blocks'] as const)
    checkWithin(name, terms[name], policy[name], policy[name]);
}
