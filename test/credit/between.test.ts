/** What falls between two records or two actions: a close beside an update, an issuer that a rollover changes, what a refusal names. */
import { describe, expect, it } from 'vitest';
import { readBundled } from '../../src/lib/credit/bundle.ts';
import { closeCredit, exitCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { RawTx } from '@scure/btc-signer/script.js';
import { hex } from '@scure/base';
import { playAgain } from '../../src/lib/engine/play.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { lostMessages, opened, openedMint, ownCoin, payMessages } from '../support/credit.ts';
import { parties, policy, refused } from './helpers.ts';

const MINT = 'https://mint.example.com';
const expires = { blocks: 4_320 };

describe('a close while an update is in flight', () => {
  it('is not proposed by a payer whose ecash has not come, and is once it has', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await openedMint(both);
    const messages = await lostMessages(both, contract, 50_001n);
    const error = await refused(() => payer.run(closeCredit, { input: { contract } }), 'update-in-flight', payer);
    expect(error.message).toContain('50001 sat');
    await payer.run(signUpdate, { on: messages[3]! });
    const proposed = await payer.run(closeCredit, { input: { contract } });
    expect((await payee.run(closeCredit, { on: proposed.message })).message['paid_sat']).toBe(50_001);
  });

  it('where the message was lost, the payee opens it, and nothing is paid for ecash that never comes', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await openedMint(both);
    const asked = await payer.run(signUpdate, { input: { contract, amount: 50_001n } });
    const requested = await payee.run(signUpdate, { on: asked.message });
    await payer.run(signUpdate, { on: requested.message, input: { ecash: true } });
    await refused(() => payer.run(closeCredit, { input: { contract } }), 'update-in-flight', payer);
    const proposed = await payee.run(closeCredit, { input: { contract } });
    const signed = await payer.run(closeCredit, { on: proposed.message });
    expect(signed.message['paid_sat']).toBe(0);
    await payee.run(closeCredit, { on: signed.message });
  });

  it('of a running mint: until its figure shows what was paid', async () => {
    const both = await parties();
    const { payer } = both;
    const contract = await opened(both, { offer: { ecash: 'cdk', mint: MINT } });
    await payMessages(both, contract, 50_000n);
    await refused(() => payer.run(closeCredit, { input: { contract } }), 'update-in-flight', payer);
    const { inflight } = await payer.ledger(contract);
    expect(inflight).toMatchObject([{ amountSat: 50_000n }]);
  });
});

describe('who issues after a rollover', () => {
  const cdk = { ecash: 'cdk', mint: MINT } as const;
  it('a mint stays with its issuer: without ecash the next contract names none', async () => {
    const both = await parties();
    const contract = await opened(both, { offer: cdk });
    const offer = async (input: object) =>
      (await both.payee.run(rollover, { input: { contract, policy, ...input } })).message['offer'];
    expect(await offer({})).toMatchObject({ ecash: 'cdk', mint_url: MINT });
    expect(await offer({ ecash: 'none' })).toMatchObject({ ecash: 'none', mint_url: null });
    expect(await offer({ ecash: 'none', mint: MINT })).toMatchObject({ ecash: 'none', mint_url: MINT });
    const reverse = await opened(both, { offer: { mint: MINT } });
    const again = await both.payee.run(rollover, { input: { contract: reverse, policy } });
    expect(again.message['offer']).toMatchObject({ ecash: 'none', mint_url: MINT });
  });

  it.each([
    ['ecash none', { ecash: 'none' }],
    ['another mint', { ecash: 'cdk', mint: 'https://other.example.com' }],
    ['a contract that others may charge', { ecash: 'none', mint: MINT }],
  ] as const)('a payer that rolls over agrees to %s only by its word', async (_, other) => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both, { offer: cdk });
    const offered = await payee.run(rollover, { input: { contract, policy, ...other } });
    await refused(() => payer.run(rollover, { on: offered.message, input: { expires } }), 'terms-differ', payer);
    const proposed = await payer.run(rollover, { on: offered.message, input: { expires, ...other } });
    expect(proposed.message['step']).toBe('proposed');
  });
});

describe('an exit in a bundle', () => {
  it('with a second element in its witness is not taken', async () => {
    const both = await parties();
    const contract = await opened(both);
    await payMessages(both, contract, 50_000n);
    const { message } = await both.payee.run(exitCredit, { input: { contract, export: true } });
    expect(readBundled(message)).not.toBe(null);
    const tx = RawTx.decode(hex.decode(message['hex'] as string));
    for (const more of [new Uint8Array(1), Uint8Array.of(0x50, 1)]) {
      const witnesses = [[...tx.witnesses![0]!, more]];
      const spoilt = { ...message, hex: hex.encode(RawTx.encode({ ...tx, witnesses })) };
      expect(() => readBundled(spoilt)).toThrow(expect.objectContaining({ code: 'signature-invalid' }));
    }
  });
});

describe('already-known names the record and the command that frees it', () => {
  it('a coin that a lost proposal holds is free once that is cancelled by its id', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const utxo = [await ownCoin(payer, 1_300_000n)];
    const input = { utxo, amount: 1_200_000n, expires };
    const offers = [1, 2].map(() => payee.run(openCredit, { input: { as: 'payee', policy } }));
    const [one, two] = await Promise.all(offers);
    const lost = await payer.run(openCredit, { on: one!.message, input });
    const id = lost.message['contract'].id as string;
    const error = await refused(() => payer.run(openCredit, { on: two!.message, input }), 'coin-reserved', payer);
    expect(error.message).toContain(`credit ${id}`);
    expect(error.hint).toContain(`open-credit --contract ${id.slice(0, 16)} --cancel`);
    const other = { ...input, utxo: [await ownCoin(payer, 1_300_000n)] };
    await payer.run(openCredit, { on: two!.message, input: other });
    const known = await refused(() => payer.run(openCredit, { on: one!.message, input: other }), 'answered-otherwise');
    expect(known.hint).toContain('--cancel');
    expect((await playAgain(openCredit, idClaim(id), payer.ports())).text).toBe(lost.text);
  });

  it('an offer that was answered names its contract, and what to do where its nonce is gone', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const offered = await payee.run(openCredit, { input: { as: 'payee', policy } });
    const opening = { utxo: [await ownCoin(payer, 1_300_000n)], amount: 1_200_000n, expires };
    const proposed = await payer.run(openCredit, { on: offered.message, input: opening });
    const contract = await opened(both);
    const rolls = await payee.run(rollover, { input: { contract, policy } });
    const next = await payer.run(rollover, { on: rolls.message, input: { expires } });
    const db = new DatabaseSync(join(payer.dir, 'store.db'));
    db.exec('DELETE FROM nonce');
    db.close();
    const refusals = [
      [openCredit, offered, opening, proposed.message['contract'].id],
      [rollover, rolls, { expires }, next.message['next_contract'].id],
    ] as const;
    for (const [table, { message: on }, input, id] of refusals) {
      const error = await refused(() => payer.run(table as typeof openCredit, { on, input }), 'already-known', payer);
      expect(error.message).toContain(id);
      expect(error.hint).toContain('--cancel gives it up');
    }
  });
});
