/** Paths of an HTLC in its document and in words: signers, witness elements and first moments. */
import type { Hex } from '../protocol/action.ts';
import type { Moment } from '../contract/moment.ts';
import { lockWords, NEXT_BLOCK, timingOf, validFrom, AT_ONCE, type Timing } from './lock.ts';
import { elementsOf, waitsForBlock, type Element, type PathName } from './scripts.ts';
import { formOf, type Built, type Htlc } from './terms.ts';

export interface PathView {
  /** Keys that must sign; `anyone` with the preimage. */
  by: readonly Hex[] | 'anyone';
  needs: readonly string[];
  /** null: at once. */
  from: Moment;
  locktime: number;
  sequence: number;
  witness: string;
}

const PARTS: Record<Element, string> = {
  'claim-sig': '<signature of claim_pubkey>',
  'refund-sig': '<signature of refund_pubkey>',
  preimage: '<preimage>',
  'refund-key': '<refund_pubkey>',
  '0': '<>',
  '1': '01',
};

/** Returns the signers of a path. */
export const signersOf = (elements: readonly Element[]): PathName[] =>
  elements.flatMap((e): PathName[] => (e === 'claim-sig' ? ['claim'] : e === 'refund-sig' ? ['refund'] : []));

/** Returns nLockTime and nSequence of a spend by this path. */
export function timingFor(htlc: Htlc, path: PathName, script: string): Timing {
  const block = waitsForBlock(script);
  if (path === 'claim') return block ? NEXT_BLOCK : AT_ONCE;
  const timing = timingOf(htlc.lock);
  // Loop's refund does not run the lock of one block, BOLT3's does.
  return block && htlc.anchors ? { ...timing, sequence: NEXT_BLOCK.sequence } : timing;
}

/** The first moment at which a spend by this path is valid; null: at once. */
export function momentOf(htlc: Htlc, path: PathName, { sequence }: Timing): Moment {
  if (path === 'refund') return validFrom(htlc.lock);
  return sequence === NEXT_BLOCK.sequence ? { confirmations: 1 } : null;
}

export function pathsOf(htlc: Htlc, built: Built): Record<string, unknown> {
  const one = (path: PathName): PathView => {
    const form = formOf(built, path);
    const elements = elementsOf(form.witness);
    const signers = signersOf(elements);
    const timing = timingFor(htlc, path, form.script);
    const from = momentOf(htlc, path, timing);
    return {
      by: signers.length === 0 ? 'anyone' : signers.map((s) => (s === 'claim' ? htlc.claim! : htlc.refund)),
      needs: [
        ...(elements.includes('preimage') ? [`the preimage of ${htlc.hash.hash160}`] : []),
        ...signers.map((s) => `a signature of ${s}_pubkey`),
        ...(path === 'refund' ? [lockWords(htlc.lock)] : from ? ['a coin with one confirmation'] : []),
      ],
      from,
      ...timing,
      witness: [
        ...elements.map((e) => PARTS[e]),
        ...(built.type === 'p2tr' ? ['<leaf script>', '<control block>'] : ['<script>']),
      ].join(' '),
    };
  };
  return {
    claim: one('claim'),
    refund: one('refund'),
    ...(htlc.internal && {
      cooperate: {
        by: htlc.internal,
        needs: ['one signature of both together (MuSig2): spillway htlc cooperate'],
        from: null,
        witness: '<signature>',
      },
    }),
    ...(htlc.revocation !== null && {
      penalty: {
        by: [htlc.revocation],
        needs: ['a signature of revocation_pubkey'],
        from: htlc.anchors ? { confirmations: 1 } : null,
        witness: '<signature of revocation_pubkey> <revocation_pubkey> <script>',
      },
    }),
  };
}
