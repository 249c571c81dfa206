/** Every published commitment and HTLC transaction, built from keys and compared byte for byte, signatures among them. */
import { afterAll, describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { buildDocument } from '../../src/lib/channel/build.ts';
import { buildCommitment } from '../../src/lib/channel/commitment.ts';
import { readKeys, readState } from '../../src/lib/channel/document.ts';
import { fundingSession } from '../../src/lib/channel/sign.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { sign } from '../../src/lib/signing/musig2.ts';
import { CASES, channelOf, keysOf, spentBy, type Case } from '../support/channel.ts';
import { judge } from '../support/kernel.ts';

const kernel = await judge();
afterAll(() => kernel?.close());

/** The holder's partial signature by the published secret nonce. */
function withPartials(one: Case): object {
  if (!one.nonces) return {};
  const channel = channelOf(one.channel);
  const { template } = buildCommitment(channel, readState(new Fields(one.state as never), channel.format));
  const bytes = { local: hexToBytes(one.nonces.local), remote: hexToBytes(one.nonces.remote) };
  const partial = (side: 'local' | 'remote') =>
    bytesToHex(
      sign(
        hexToBytes(one.secret_nonces![side]),
        readKeys(new Fields(keysOf(one.channel, side) as never)).secrets.funding!,
        fundingSession(channel, template, bytes),
      ),
    );
  expect(partial('remote')).toBe(one.partial_signatures!.remote);
  return { nonces: one.nonces, partial_signatures: { local: partial('local'), remote: partial('remote') } };
}
const built = (one: Case, side: 'local' | 'remote', more: object = {}): any =>
  buildDocument(
    channelOf(one.channel),
    new Fields({
      ...one.state,
      ...(one.signature !== undefined && { signature: one.signature }),
      htlc_signatures: one.htlc_signatures,
      ...more,
    } as never),
    readKeys(new Fields(keysOf(one.channel, side) as never)),
  );

describe.each(CASES.map((one) => [`${one.source}: ${one.name}`, one] as const))('%s', (_, one) => {
  const made = built(one, 'local', withPartials(one));
  it('the commitment is the published one, finished', () => expect(made.hex).toBe(one.commitment));
  it('so are its HTLC transactions', () => {
    const found = made.htlc_transactions.map((t: { hex: string; unsigned: string }) => t.hex ?? t.unsigned);
    if (one.channel !== 'taproot') return expect(found).toEqual(one.htlc_transactions);
    // Nonces of BIP340 are drawn otherwise there: all but the own signature is the same.
    for (const [i, hex] of found.entries()) expect(withoutOwn(hex)).toBe(withoutOwn(one.htlc_transactions[i]!));
  });
  it('the other side signs as published', () => {
    const theirs = built(one, 'remote', {});
    if (one.channel === 'taproot') return;
    expect(theirs.signature).toBe(one.signature);
    expect(theirs.htlc_signatures).toEqual(one.htlc_signatures);
  });
  it.skipIf(!kernel)('consensus takes what is finished', async () => {
    expect(await kernel!.scripts(made.hex, spentBy(one, made.hex))).toBe(true);
    for (const { hex } of made.htlc_transactions)
      if (hex) expect(await kernel!.scripts(hex, spentBy(one, hex))).toBe(true);
  });
});

/** Hex of an HTLC transaction without the holder's signature, the second of its witness. */
function withoutOwn(hex: string): string {
  const at = hex.indexOf('834') + 3;
  return `${hex.slice(0, at)}${hex.slice(at + 129)}`;
}
