/** Every credit action played once from end to end, each message through `stage`, where tests look at or attack it. */
import { toTransaction, type Spent } from '../../src/lib/bitcoin/transaction.ts';
import { writePsbt } from '../../src/lib/bitcoin/psbt.ts';
import { scriptOf } from '../../src/lib/bitcoin/address.ts';
import { closeCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { defaultPolicy } from '../../src/lib/credit/terms.ts';
import { ecashQuote } from '../../src/lib/mint/bind.ts';
import { creditInvoice } from '../../src/lib/mint/settle.ts';
import type { PayerCredit } from '../../src/lib/credit/records.ts';
import type { Action } from '../../src/lib/protocol/action.ts';
import { keysetsOf } from '../../src/commands/ecash/keysets.ts';
import { ecashRestore } from '../../src/lib/ecash/restore.ts';
import { lostMessages, opened, openedMint, ownCoin, payMessages, type Pair } from '../support/credit.ts';
import type { Message, RunOptions } from '../support/party.ts';

export type Who = 'payer' | 'payee';
/** Plays one run; what it printed. */
export type Stage = (who: Who, table: Action<any, any, any>, options: RunOptions) => Promise<Message>;
export type Scene = (pair: Pair, stage: Stage) => Promise<void>;

const policy = defaultPolicy('regtest');
const MINT = 'https://mint.example.com';

/** An unsigned PSBT that pays what 'addressed' asks for, as a wallet makes it. */
export function fundingFor(addressed: Message, from: Spent, changeSat = 5_000n): string {
  const { capacity_sat: capacity } = addressed['terms'] as { capacity_sat: number };
  return writePsbt(
    toTransaction({
      version: 2,
      locktime: 0,
      inputs: [{ ...from, sequence: 0xfffffffd }],
      outputs: [
        { sat: changeSat, script: from.script },
        { sat: BigInt(capacity), script: scriptOf(addressed['address'], 'regtest') },
      ],
    }),
  );
}

export const scenes: Record<string, Scene> = {
  'an opening funded by own coins': async (pair, stage) => {
    const utxo = [await ownCoin(pair.payer, 1_300_000n)];
    const offered = await stage('payee', openCredit, { input: { as: 'payee', policy } });
    const input = { utxo, amount: 1_200_000n, expires: { blocks: 4320 } };
    const proposed = await stage('payer', openCredit, { on: offered, input });
    const accepted = await stage('payee', openCredit, { on: proposed });
    await stage('payer', openCredit, { on: accepted });
  },
  'an opening funded by another wallet': async (pair, stage) => {
    const offered = await stage('payee', openCredit, { input: { as: 'payee', policy } });
    const addressed = await stage('payer', openCredit, {
      on: offered,
      input: { amount: 1_200_000n, expires: { blocks: 4320 } },
    });
    const funding = fundingFor(addressed, await ownCoin(pair.payer, 1_206_000n));
    const proposed = await stage('payer', openCredit, { on: addressed, input: { funding } });
    const accepted = await stage('payee', openCredit, { on: proposed });
    await stage('payer', openCredit, { on: accepted });
  },
  'two updates': async (pair, stage) => {
    const contract = await opened(pair);
    for (const amount of [2_100n, 900n]) {
      const requested = await stage('payee', signUpdate, { input: { contract, amount } });
      const signed = await stage('payer', signUpdate, { on: requested, amount });
      await stage('payee', signUpdate, { on: signed });
    }
  },
  'payments that become ecash': async (pair, stage) => {
    const contract = await openedMint(pair);
    for (const amount of [2_101n, 900n]) {
      const asked = await stage('payer', signUpdate, { input: { contract, amount } });
      const requested = await stage('payee', signUpdate, { on: asked });
      const signed = await stage('payer', signUpdate, { on: requested, input: { ecash: true } });
      const accepted = await stage('payee', signUpdate, { on: signed });
      await stage('payer', signUpdate, { on: accepted });
    }
  },
  'ecash that was lost': async (pair, stage) => {
    const contract = await openedMint(pair);
    await lostMessages(pair, contract, 1_001n);
    const { keyset } = (await keysetsOf(pair.payee.home))[0]!;
    const asked = await stage('payer', ecashRestore, { input: { contract, keyset: keyset.id } });
    const answered = await stage('payee', ecashRestore, { on: asked });
    await stage('payer', ecashRestore, { on: answered });
  },
  'an opening and a rollover that the payer asks for': async (pair, stage) => {
    const wanted = await stage('payer', openCredit, { input: { as: 'payer' } });
    const offer = await stage('payee', openCredit, { on: wanted, input: { ecash: 'home' } });
    const utxo = [await ownCoin(pair.payer, 1_300_000n)];
    const input = { utxo, amount: 1_200_000n, expires: { blocks: 4320 } };
    const proposed = await pair.payer.run(openCredit, { on: offer, input });
    const accepted = await pair.payee.run(openCredit, { on: proposed.message });
    const ready = await pair.payer.run(openCredit, { on: accepted.message });
    const asked = await stage('payer', rollover, { input: { contract: ready.message['contract'].id } });
    const offered = await stage('payee', rollover, { on: asked });
    await pair.payer.run(rollover, { on: offered, input: { expires: { blocks: 4320 } } });
  },
  'a quote of a running mint': async (pair, stage) => {
    const contract = await opened(pair, { offer: { ecash: 'cdk', mint: MINT } });
    const { terms } = (await pair.payer.record(contract)) as PayerCredit;
    const known = { amountSat: null, pubkey: terms.ecash_pubkey, paidSat: 0n, issuedSat: 0n, expiry: null };
    for (const party of [pair.payee, pair.payer]) party.askMint = async ({ id }) => ({ id, ...known });
    const made = await stage('payer', ecashQuote, { input: { contract, quote: 'a-quote' } });
    const bound = await stage('payee', ecashQuote, { on: made });
    await stage('payer', ecashQuote, { on: bound });
  },
  'a merchant asks what is owed': async (pair, stage) => {
    const contract = await opened(pair, { offer: { mint: MINT } });
    const queried = await stage('payee', creditInvoice, { input: { contract } });
    const stated = await stage('payer', creditInvoice, { on: queried });
    await stage('payee', creditInvoice, { on: stated });
  },
  'a rollover with a new coin': async (pair, stage) => {
    const contract = await opened(pair);
    await payMessages(pair, contract, 50_000n);
    const utxo = [await ownCoin(pair.payer, 700_000n)];
    const offered = await stage('payee', rollover, { input: { contract, policy } });
    const input = { utxo, amount: 1_500_000n, expires: { blocks: 4320 } };
    const proposed = await stage('payer', rollover, { on: offered, input });
    const accepted = await stage('payee', rollover, { on: proposed });
    const signed = await stage('payer', rollover, { on: accepted });
    await stage('payee', rollover, { on: signed });
  },
  'a close that the payer opens': async (pair, stage) => {
    const contract = await opened(pair);
    await payMessages(pair, contract, 50_000n);
    const proposed = await stage('payer', closeCredit, { input: { contract } });
    const signed = await stage('payee', closeCredit, { on: proposed });
    await stage('payer', closeCredit, { on: signed });
  },
  'a close that the payee opens': async (pair, stage) => {
    const contract = await opened(pair);
    await payMessages(pair, contract, 50_000n);
    const proposed = await stage('payee', closeCredit, { input: { contract } });
    const signed = await stage('payer', closeCredit, { on: proposed });
    await stage('payee', closeCredit, { on: signed });
  },
};
