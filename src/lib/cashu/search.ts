/**
 * Searches for a mint's signatures of a wallet's outputs (NUT-09): known outputs, or all from a
 * counter on. Not here: what is stored of it (`in-hand.ts`), whether it is spent.
 */
import type { Mint } from '@cashu/cashu-ts';
import {
  blindedOutputs,
  placesFrom,
  type BlindedOutput,
  type BlindPromise,
  type OutputPlace,
} from '../ecash/outputs.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';

/** Counters of one request, and unused counters in a row that end a search. */
const WINDOW = 100;
const GAP = 300;

export interface MintSignature {
  id: string;
  amount: unknown;
  C_: string;
  dleq?: { e: string; s: string };
}
/** Returns a blind signature in this program's form. @throws Refusal `dleq-invalid` without DLEQ */
export function promiseOf({ id, amount, C_, dleq }: MintSignature): BlindPromise {
  if (!dleq) throw new Refusal('dleq-invalid', 'the mint signs without a proof (NUT-12)');
  return { amount_sat: BigInt(String(amount)), id, C_, dleq: { e: dleq.e, s: dleq.s } };
}
export const blindedMessage = ({ amount_sat, id, B_ }: BlindedOutput) => ({ amount: Number(amount_sat), id, B_ });

/** Resolves to the mint's earlier blind signatures, by output. */
export async function signaturesOf(
  mint: Mint,
  outs: readonly BlindedOutput[],
): Promise<readonly (BlindPromise | undefined)[]> {
  const answer = await mint.restore({ outputs: outs.map(blindedMessage) as never });
  const { outputs, signatures } = answer as unknown as { outputs: { B_: string }[]; signatures: MintSignature[] };
  return outs.map(({ B_ }) => {
    const found = signatures[outputs.findIndex((o) => o.B_ === B_)];
    return found && promiseOf(found);
  });
}

export interface FoundSignatures {
  places: readonly OutputPlace[];
  promises: readonly BlindPromise[];
  /** First counter that was never used, as far as the mint knows. */
  next: number;
}

/** Finds all signatures of a wallet's outputs from a counter on. `seed`: the wallet's 64 bytes. */
export async function signedFrom(mint: Mint, seed: Uint8Array, keyset: Hex, first: number): Promise<FoundSignatures> {
  const found: { place: OutputPlace; promise: BlindPromise }[] = [];
  let next = first;
  for (let from = first; from < next + GAP; from += WINDOW) {
    // The amount is no part of the secret; the signature tells it.
    const places = placesFrom(from, Array<bigint>(WINDOW).fill(1n));
    const signed = await signaturesOf(mint, blindedOutputs(seed, keyset, places));
    signed.forEach((promise, i) => {
      if (!promise) return;
      const { counter } = places[i]!;
      found.push({ place: { counter, amountSat: promise.amount_sat }, promise });
      next = counter + 1;
    });
  }
  return { places: found.map(({ place }) => place), promises: found.map(({ promise }) => promise), next };
}
