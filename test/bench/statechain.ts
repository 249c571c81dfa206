/**
 * Statecoins: the whole cryptography of a transfer's three parties against the bare MuSig2 operations that it needs, and
 * the check of long histories, which must be linear in their length.
 */
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { taggedHash, toBytes } from '../../src/lib/signing/curve.ts';
import {
  coinKey,
  firstMessage,
  firstMessageFits,
  nextOffset,
  secondMessage,
  type UpdatePair,
} from '../../src/lib/signing/key-update.ts';
import {
  applyTweak,
  deterministicSign,
  keyAgg,
  nonceAgg,
  nonceGen,
  partialAgg,
  partialVerify,
  publicKey,
  session,
  sign,
  verifyAggregate,
} from '../../src/lib/signing/musig2.ts';
import { checkHistory } from '../../src/lib/statechain/history.ts';
import { honest } from '../support/histories.ts';
import { interleaved, report } from './measure.ts';

const secret = (n: number): Uint8Array => toBytes(BigInt(n) * 104_729n + 3n);
const pub = (s: Uint8Array): string => bytesToHex(publicKey(s));
const message = new Uint8Array(32).fill(7);
const [s, o, s2, o2, x] = [1, 2, 3, 4, 5].map(secret) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];
const ZERO = '00'.repeat(32);
const pair: UpdatePair = [pub(s), pub(o)];

/** One 2-of-2 signature under a key with the tweaks [t, taproot]: nonces, both partials verified, the aggregate verified. */
function bare(shares: readonly [Uint8Array, Uint8Array], next: UpdatePair, offset: string): void {
  const plain = applyTweak(keyAgg(next.map(hexToBytes)), { tweak: hexToBytes(offset), xOnly: false });
  const agg = applyTweak(plain, { tweak: taggedHash('TapTweak', plain.xQ), xOnly: true });
  const [operator, owner] = shares;
  const opened = nonceGen({ random: message, secret: owner, pubkey: publicKey(owner), aggregate: agg.xQ, message });
  const last = deterministicSign(operator, opened.pubnonce, agg, message, message);
  if (!partialVerify(last.partial, last.pubnonce, 0, last.session)) throw new Error('the last partial');
  const made = session(agg, nonceAgg([opened.pubnonce, last.pubnonce]), message);
  if (!partialVerify(last.partial, last.pubnonce, 0, made)) throw new Error('the partial as the opener sees it');
  const own = sign(opened.secnonce, owner, made);
  if (!verifyAggregate(partialAgg([last.partial, own], made), made)) throw new Error('the aggregate');
}

/** What a transfer adds: fresh keys, X and E, m1 with its check, m2, t' with its check at both ends; then the signature. */
function transfer(): void {
  const next: UpdatePair = [pub(s2), pub(o2)];
  const X = pub(x);
  const m1 = firstMessage(pair, o, x);
  if (!firstMessageFits(pair, m1, X)) throw new Error('m1');
  const m2 = secondMessage(m1, next, o2);
  const offset = nextOffset({ pair, offset: ZERO, share: s }, { pair: next, share: s2 }, m2, x);
  if (coinKey(next, offset) !== P) throw new Error('the point');
  bare([s2, o2], next, offset);
}
const P = coinKey(pair, ZERO);

/** Runs all; false where a limit was not held. */
export async function benchStatechain(rounds: number): Promise<boolean[]> {
  const next: UpdatePair = [pub(s2), pub(o2)];
  const m2 = secondMessage(firstMessage(pair, o, x), next, o2);
  const offset = nextOffset({ pair, offset: ZERO, share: s }, { pair: next, share: s2 }, m2, x);
  const repeat = (work: () => void) => (): void => {
    for (let i = 0; i < 5; i++) work();
  };
  // What any change of owner by MuSig2 needs: two fresh keys, the aggregate of old and new pair, and one signature.
  const needs = (): void => {
    pub(s2);
    pub(o2);
    keyAgg(pair.map(hexToBytes));
    bare([s2, o2], next, offset);
  };
  const lengths = [25, 50, 100];
  const histories = new Map(lengths.map((n) => [n, honest(n)]));
  const times = await interleaved(
    [
      { name: 'transfer', run: repeat(transfer) },
      { name: 'bare', run: repeat(needs) },
      ...lengths.map((n) => ({
        name: `${n}`,
        run: () => {
          const history = histories.get(n)!;
          if (checkHistory(history, history.coin.terms.operator).length > 0) throw new Error('an honest history');
        },
      })),
    ],
    rounds,
  );
  const at = (name: string): number => times.get(name)!;
  console.log(
    `      a transfer's cryptography: ${(at('transfer') / 5).toFixed(1)} ms; a history of 100 backups: ${at('100').toFixed(0)} ms`,
  );
  return [
    report({
      what: "a statecoin transfer's cryptography",
      ratio: at('transfer') / at('bare'),
      limit: 1.5,
      unit: '× the bare MuSig2 operations',
    }),
    report({ what: 'checking 100 backups, by 25', ratio: at('100') / at('25') / 4, limit: 1.3, unit: '× linear' }),
  ];
}
