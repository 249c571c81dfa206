/** What owners of channels can spend without a node: of each format, from each side, judged by consensus; and penalties. */
import { afterAll, describe, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { parseTransaction } from '../../src/lib/bitcoin/transaction.ts';
import { readChannel } from '../../src/lib/channel/document.ts';
import { FORMATS, type FormatName } from '../../src/lib/channel/format.ts';
import { otherSide, type ChannelSide } from '../../src/lib/channel/keys.ts';
import { penaltyDocument, sweepDocument, type Payout, type RevocationSecret } from '../../src/lib/channel/spend.ts';
import { insertSecret, secretIndex, type SecretStore } from '../../src/lib/channel/secrets.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { keyPathScript } from '../../src/lib/signing/keyset.ts';
import { judge, type Prevout } from '../support/kernel.ts';
import {
  channelFor,
  htlcsFor,
  keysFor,
  played,
  point,
  preimageOf,
  secret,
  signedByWallet,
} from '../support/played-channel.ts';
import { codeOf } from '../support/refusal.ts';

const kernel = await judge();
afterAll(() => kernel?.close());
const TO = { to: `5120${'22'.repeat(32)}`, feerate: 2_000, allowFee: true };
const NUMBER = 41;
const WALLET = new Uint8Array(32).fill(9);

const outputsOf = (hex: string): Prevout[] =>
  parseTransaction(hex).outputs.map((o) => ({ sat: o.amount, script: bytesToHex(o.script) }));
/** Each finished spend is valid, and no other amount or sequence is. */
async function judged(spent: string, transactions: { hex: string }[]): Promise<void> {
  const outputs = outputsOf(spent);
  for (const { hex } of transactions) {
    const prevouts = parseTransaction(hex).inputs.map((i) => outputs[i.index]!);
    if (!kernel) continue;
    expect(await kernel.scripts(hex, prevouts)).toBe(true);
    expect(
      await kernel.scripts(
        hex,
        prevouts.map((p) => ({ ...p, sat: p.sat + 1n })),
      ),
    ).toBe(false);
    const parsed = parseTransaction(hex);
    const { sequence } = parsed.inputs[0]!;
    if (sequence < 0x10000) {
      const at = hex.indexOf(Buffer.from(Uint32Array.of(sequence).buffer).toString('hex'), 80);
      expect(await kernel.scripts(`${hex.slice(0, at)}00000000${hex.slice(at + 8)}`, prevouts)).toBe(false);
    }
  }
}
const sweep = (format: FormatName, owner: ChannelSide, document: object, more?: Uint8Array, paying: Payout = TO): any =>
  sweepDocument(
    readChannel(new Fields(channelFor(format) as never)),
    new Fields(document as never),
    keysFor(format, owner),
    more,
    paying,
  );
const penalty = (format: FormatName, owner: ChannelSide, document: object, by: RevocationSecret): any =>
  penaltyDocument(
    readChannel(new Fields(channelFor(format) as never)),
    new Fields(document as never),
    keysFor(format, owner),
    by,
    TO,
  );
const waysOf = (made: any): string[] =>
  made.document.transactions.flatMap((t: any) => t.outputs.map((o: any) => o.way)).sort();
const known = () => htlcsFor().map((h) => ({ ...h, preimage: bytesToHex(preimageOf(h.id)) }));

describe.each(FORMATS.flatMap((f) => (['local', 'remote'] as const).map((holder) => [f, holder] as const)))(
  '%s, the commitment of the %s side',
  (format, holder) => {
    const made = played(channelFor(format), format, holder, NUMBER);
    const other = otherSide(holder);

    it('is swept by the other side: to_remote, by preimage, after the timeout', async () => {
      const { document, complete } = sweep(format, other, {
        transaction: made.hex,
        per_commitment_point: point(format, holder, NUMBER),
        htlcs: known(),
      });
      expect(complete).toBe(true);
      expect(waysOf({ document })).toEqual(['payment', 'preimage', 'preimage', 'timeout']);
      expect(document).toMatchObject({ holder, number: BigInt(NUMBER) });
      await judged(made.hex, document.transactions);
      const late = document.transactions.find((t: any) => t.valid_from.height);
      expect(late.valid_from.height).toBe(511);
    });
    it('without its point to_remote alone, where the format lets it', () => {
      const run = () => sweep(format, other, { transaction: made.hex });
      if (format === 'legacy') return expect(codeOf(run)).toBe('unknown-commitment');
      expect(waysOf(run())).toEqual(['payment']);
      // The other side's output is none that was forgotten; in taproot its anchor is bound to the point too.
      const left = run().document.left.map((l: any) => l.reason);
      expect(left.filter((reason: string) => reason.includes('the per-commitment point tells which')).length).toBe(
        format === 'taproot' ? 5 : 4,
      );
    });
    it('is swept by its holder after the delay, found by the seed alone', async () => {
      const { document } = sweep(format, holder, { transaction: made.hex, htlcs: htlcsFor() });
      expect(waysOf({ document })).toEqual(['delayed']);
      const delay = (channelFor(format) as any)[holder].to_self_delay;
      expect(document.transactions[0].valid_from).toEqual({ confirmations: delay });
      expect(document.left.filter((l: any) => l.reason.includes('htlc_signatures')).length).toBe(3);
      await judged(made.hex, document.transactions);
    });
    it('its HTLCs are taken by its holder, with what the other side has signed, and coins where they pay no fee', async () => {
      const coins = [1, 2, 3, 4].map((n) => ({
        txid: 'ee'.repeat(32),
        vout: n,
        sat: 60_000n,
        script: keyPathScript(WALLET),
      }));
      const of = { transaction: made.hex, htlcs: known(), htlc_signatures: made.htlc_signatures, feerate_per_kw: 500 };
      const run = (more: Partial<Payout>, document: object = of): any => {
        const { feerate_per_kw: _, ...rest } = document as typeof of;
        return sweep(format, holder, format === 'zero-fee' ? rest : document, undefined, { ...TO, ...more });
      };
      const ways = ['delayed', 'second-success', 'second-timeout', 'second-timeout'];
      const paysFees = !['anchors', 'zero-fee', 'taproot'].includes(format);
      const open = run({ coins });
      expect([open.complete, waysOf(open)]).toEqual([paysFees, ways]);
      const merged = open.document.transactions.flatMap((t: any) => (t.psbt ? [signedByWallet(t.psbt, WALLET)] : []));
      const { document, complete } = run({ coins, merged });
      expect(complete).toBe(true);
      for (const { hex } of document.transactions) {
        const prevouts = parseTransaction(hex).inputs.map((i) =>
          bytesToHex(i.txid) === coins[0]!.txid ? coins[i.index - 1]! : outputsOf(made.hex)[i.index]!,
        );
        if (kernel) expect(await kernel.scripts(hex, prevouts)).toBe(true);
      }
      // Without coins, a preimage or a signature it says what it lacks; a wrong signature or PSBT is refused.
      if (!paysFees) expect(run({}).document.left.filter((l: any) => l.reason.includes('--utxo')).length).toBe(3);
      const left = run({ coins }, { ...of, htlcs: htlcsFor() }).document.left.map((l: any) => l.reason);
      expect(left).toContain('an HTLC to this side: its preimage is not known');
      expect(codeOf(() => run({ coins }, { ...of, htlc_signatures: of.htlc_signatures.slice(1) }))).toBe(
        'htlc-signatures',
      );
      expect(codeOf(() => run({ coins }, { ...of, htlc_signatures: [...of.htlc_signatures].reverse() }))).toBe(
        'signature-invalid',
      );
      if (!paysFees) expect(codeOf(() => run({ coins: coins.slice(1), merged }))).toBe('transaction-differs');
    });
    it('its HTLC transactions are swept by its holder', async () => {
      for (const { hex } of made.htlcs) {
        const { document } = sweep(format, holder, { transaction: hex, number: NUMBER });
        expect(waysOf({ document })).toEqual(['delayed']);
        await judged(hex, document.transactions);
        expect(codeOf(() => sweep(format, holder, { transaction: hex }))).toBe('unknown-commitment');
      }
    });
    it('is punished in all, where it was revoked, by its secret alone', async () => {
      const by = { secret: secret(format, holder, NUMBER) };
      const { document } = penalty(format, other, { transaction: made.hex, htlcs: htlcsFor() }, by);
      expect(waysOf({ document })).toEqual(['payment', 'penalty', 'penalty', 'penalty', 'penalty']);
      await judged(made.hex, document.transactions);
      const bare = penalty(format, other, { transaction: made.hex }, by);
      expect(waysOf(bare)).toEqual(['payment', 'penalty']);
      expect(bare.document.left.filter((l: any) => l.reason.includes('HTLC')).length).toBe(3);
    });
    it('so are its HTLC transactions', async () => {
      for (const { hex } of made.htlcs) {
        const by = { secret: secret(format, holder, NUMBER) };
        const { document } = penalty(format, other, { transaction: hex }, by);
        expect(waysOf({ document })).toEqual(['penalty']);
        await judged(hex, document.transactions);
      }
    });
    it('another secret, or that of an own commitment, punishes nothing', () => {
      const wrong = { secret: secret(format, holder, NUMBER + 1) };
      expect(codeOf(() => penalty(format, other, { transaction: made.hex }, wrong))).toMatch(
        /^(?:secret-mismatch|unknown-commitment)$/,
      );
      const own = { secret: secret(format, holder, NUMBER) };
      expect(codeOf(() => penalty(format, holder, { transaction: made.hex }, own))).toMatch(
        /^(?:secret-mismatch|unknown-commitment)$/,
      );
    });
  },
);

describe('a store of revealed secrets', () => {
  const made = played(channelFor('anchors'), 'anchors', 'remote', 3);
  const storeUpTo = (count: number): SecretStore => {
    let store: SecretStore = [];
    for (let n = 0; n < count; n++)
      store = insertSecret(store, { index: secretIndex(BigInt(n)), secret: secret('anchors', 'remote', n) });
    return store;
  };
  it('punishes a number that it holds, and no newer one', () => {
    expect(waysOf(penalty('anchors', 'local', { transaction: made.hex }, { store: storeUpTo(4) }))).toContain(
      'penalty',
    );
    expect(codeOf(() => penalty('anchors', 'local', { transaction: made.hex }, { store: storeUpTo(3) }))).toBe(
      'no-secret',
    );
    const stage = { transaction: made.htlcs[0]!.hex };
    expect(codeOf(() => penalty('anchors', 'local', stage, { store: storeUpTo(4) }))).toBe('no-secret');
    expect(waysOf(penalty('anchors', 'local', { ...stage, number: 3 }, { store: storeUpTo(4) }))).toEqual(['penalty']);
  });
});

describe('a sweep', () => {
  const made = played(channelFor('anchors'), 'anchors', 'remote', NUMBER);
  it('names what it leaves, and why', () => {
    const { document } = sweep('anchors', 'local', {
      transaction: made.hex,
      per_commitment_point: point('anchors', 'remote', NUMBER),
      htlcs: htlcsFor(),
    });
    expect(document.left.map((l: any) => l.reason).sort()).toEqual([
      'an HTLC to this side: its preimage is not known',
      'an HTLC to this side: its preimage is not known',
      'an anchor',
      'an anchor',
      "the other side's",
    ]);
  });
  it('without keys is a PSBT that waits', () => {
    const channel = readChannel(new Fields(channelFor('anchors') as never));
    const { payment: _, ...rest } = keysFor('anchors', 'local').secrets;
    const made2 = sweepDocument(
      channel,
      new Fields({ transaction: made.hex } as never),
      { secrets: rest, seed: undefined },
      undefined,
      TO,
    );
    expect(made2.complete).toBe(false);
    expect((made2.document as any).transactions[0]).toMatchObject({
      hex: null,
      psbt: expect.stringMatching(/^cHNidP/),
    });
  });
  it('is refused where the fee would eat it up, or is above a tenth', () => {
    const channel = readChannel(new Fields(channelFor('anchors') as never));
    const run = (paying: object) => () =>
      sweepDocument(channel, new Fields({ transaction: made.hex } as never), keysFor('anchors', 'local'), undefined, {
        ...TO,
        ...paying,
      });
    expect(codeOf(run({ feerate: 4_000_000 }))).toBe('below-dust');
    expect(codeOf(run({ feerate: 1_000_000, allowFee: false }))).toBe('fee-too-high');
  });
  it('of another channel is refused', () => {
    const other = played(channelFor('anchors', 'cd'.repeat(32)), 'anchors', 'remote', NUMBER);
    expect(codeOf(() => sweep('anchors', 'local', { transaction: other.hex }))).toBe('unknown-commitment');
    expect(codeOf(() => sweep('taproot', 'local', { transaction: made.hex }))).toBe('unknown-commitment');
  });
});
