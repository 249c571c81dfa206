/** HTLCs of every form, and their spends, for tests. */
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { createHtlc, type CreateInput } from '../../src/lib/htlc/create.ts';
import type { Lock } from '../../src/lib/htlc/lock.ts';
import {
  isBolt3,
  locksOf,
  typesOf,
  VARIANTS,
  type PathName,
  type HtlcType,
  type Variant,
} from '../../src/lib/htlc/scripts.ts';
import { finishSpend, signatureBy, type Finished, type Known } from '../../src/lib/htlc/sign.ts';
import { spend, type Spend } from '../../src/lib/htlc/spend.ts';
import { hashOf, type Htlc } from '../../src/lib/htlc/terms.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';

export const secret = (n: number): Uint8Array => new Uint8Array(32).fill(n);
export const PREIMAGE = secret(7);
export const SECRETS = { claim: secret(1), refund: secret(2), revocation: secret(3) };
export const PUBKEYS = {
  claim: bytesToHex(publicKey(SECRETS.claim)),
  refund: bytesToHex(publicKey(SECRETS.refund)),
  revocation: bytesToHex(publicKey(SECRETS.revocation)),
};
/** Where everything is paid to. */
export const TO = `0014${'ab'.repeat(20)}`;

export interface Form {
  variant: Variant;
  type: HtlcType;
  lock: Lock;
  anchors?: boolean;
  cooperative?: boolean;
}

export const LOCKS: readonly Lock[] = [
  { kind: 'height', value: 900 },
  { kind: 'time', value: 1_700_000_000 },
  { kind: 'blocks', value: 144 },
  { kind: 'seconds', value: 512 * 20 },
];

/** Every variant as every type with every kind of lock that it has. */
export const FORMS: readonly Form[] = VARIANTS.flatMap((variant) =>
  typesOf(variant).flatMap((type) =>
    LOCKS.filter(({ kind }) => locksOf(variant).includes(kind)).flatMap((lock): Form[] =>
      isBolt3(variant)
        ? [
            { variant, type, lock },
            { variant, type, lock, anchors: true },
          ]
        : type === 'p2tr'
          ? [
              { variant, type, lock },
              { variant, type, lock, cooperative: true },
            ]
          : [{ variant, type, lock }],
    ),
  ),
);
export const formName = ({ variant, type, lock, anchors, cooperative }: Form): string =>
  [variant, type, lock.kind, anchors && 'anchors', cooperative && 'musig'].filter(Boolean).join(' ');

export const htlcOf = (form: Form, more: Partial<CreateInput> = {}): Htlc =>
  createHtlc({
    network: 'regtest',
    hash: hashOf(PREIMAGE),
    claim: form.variant === 'book' ? null : { pubkey: PUBKEYS.claim, auth: null },
    refund: { pubkey: PUBKEYS.refund, auth: null },
    acceptAnyone: true,
    ...(isBolt3(form.variant) && { revocation: PUBKEYS.revocation }),
    ...form,
    ...more,
  });

export const COIN = { txid: 'cd'.repeat(32), vout: 1, sat: 100_000n };

export const spendOf = (htlc: Htlc, path: PathName, coin = COIN): Spend =>
  spend(htlc, path, { coin, to: TO, feerate: 2000 });

/** All that the path needs. */
export const known = (made: Spend, secrets: Record<PathName, Uint8Array> = SECRETS): Known => ({
  signatures: Object.fromEntries(made.signers.map((who) => [who, signatureBy(made, secrets[who])])),
  preimage: PREIMAGE,
});
export const finished = (made: Spend): Finished => finishSpend(made, known(made));

/** The same spend with other transaction fields, signed: what a script must refuse. */
export const altered = (made: Spend, template: Partial<Spend['template']>): Spend => ({
  ...made,
  template: { ...made.template, ...template },
});
export const hex = hexToBytes;
