/** What becomes of a home's addresses: which are given again, which never, and that words find a coin behind all that strangers took. */
import { describe, expect, it } from 'vitest';
import { lapse, lapseAll } from '../../src/lib/engine/upkeep.ts';
import { freshAddress, walletCoins } from '../../src/lib/engine/wallet.ts';
import { GAP } from '../../src/lib/engine/wallet-scan.ts';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { closeCredit, exitCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { creditKind, paidOf, settledAs, type Credit, type FundedCredit } from '../../src/lib/credit/records.ts';
import { change } from '../../src/lib/home/change.ts';
import type { WalletPath } from '../../src/lib/protocol/action.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { fakeNode } from '../chain/node.ts';
import { opened, ownCoin, payMessages, type Pair } from '../support/credit.ts';
import type { Message, TestParty } from '../support/party.ts';
import { DAY, pruneAll } from '../support/prune.ts';
import { scanAnswers } from '../support/scan.ts';
import { parties, payeeOf, policy, refused } from './helpers.ts';
import { creditWatcher } from '../../src/lib/credit/watch.ts';

/** Where the next payout of the party would lie. */
const next = async ({ home }: TestParty): Promise<number> => (await home.store.payouts(1))[0]!.index;
const offerOf = async ({ payee }: Pair, input: object = {}): Promise<Message> =>
  (await payee.run(openCredit, { input: { as: 'payee', policy, ...input } })).message;
const cancelOffer = ({ payee }: Pair, offered: Message) => payee.run(openCredit, { on: offered, cancel: true });
const settle = ({ home }: TestParty, id: string): Promise<void> =>
  change(
    home.store,
    { contract: creditKind },
    () => ({ contract: idClaim(id) }),
    ({ contract }) => ({
      writes: {
        contract: settledAs(contract as FundedCredit, {
          by: 'exit',
          txid: 'ab'.repeat(32),
          paysSat: paidOf(contract as FundedCredit),
        }),
      },
      result: undefined,
    }),
  );

describe("the payee's address is given again", () => {
  it('once its offer was given up, under other keys, also when that is forgotten', async () => {
    const both = await parties();
    const offered = await offerOf(both);
    expect(await next(both.payee)).toBe(1);
    await cancelOffer(both, offered);
    expect(await next(both.payee)).toBe(0);
    const again = await offerOf(both);
    expect(again['offer'].address).toBe(offered['offer'].address);
    expect([again['offer'].pubkey, again['offer'].auth]).not.toEqual([offered['offer'].pubkey, offered['offer'].auth]);
    expect(again['offer'].pubkey).not.toBe(offered['offer'].pubkey);
    expect(await next(both.payee)).toBe(1);
    expect((await pruneAll(both.payee)).records).toEqual({ credit: 1 });
    expect(await next(both.payee)).toBe(1);
    await cancelOffer(both, again);
    expect((await pruneAll(both.payee)).records).toEqual({ credit: 1 });
    expect(await next(both.payee)).toBe(0);
  });
  it('once a server has ended the offer, which nobody has answered', async () => {
    const both = await parties();
    const { payee } = both;
    await offerOf(both);
    const look = () => lapseAll(payee.home, payee.ports().source);
    await look();
    expect(await next(payee)).toBe(1);
    payee.chain.now += 2 * DAY;
    await look();
    expect(await next(payee)).toBe(0);
  });
  it('once a contract that nobody funded has lapsed', async () => {
    const both = await parties();
    const id = await opened(both);
    expect(await next(both.payee)).toBe(1);
    expect(await lapse(both.payee.home, creditWatcher, idClaim(id))).toBe(true);
    expect(await next(both.payee)).toBe(0);
    // The payer has a refund of it, which pays to an address of its own.
    const paid = (await both.payer.record(id)) as FundedCredit;
    const ours = (await both.payer.home.store.addresses()).find(({ address }) => address === paid.terms.payer_address);
    await both.payer.run(openCredit, { over: idClaim(id), cancel: true });
    expect(await next(both.payer)).toBeGreaterThan(ours!.index);
  });
  it('once the next contract of a rollover has come to nothing', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 10_000n);
    const { message } = await both.payee.run(rollover, { input: { contract: id } });
    expect([message['step'], await next(both.payee)]).toEqual(['offered', 2]);
    await both.payee.run(rollover, { on: message, cancel: true });
    expect(await next(both.payee)).toBe(1);
  });
});

describe("the payee's address is never given again", () => {
  it('where it has got a coin before its offer came to nothing', async () => {
    const both = await parties();
    const offered = await offerOf(both);
    const [place] = await both.payee.home.store.addresses();
    await both.payee.home.store.addAddresses([{ chain: 0, index: place!.index }]);
    await cancelOffer(both, offered);
    expect(await next(both.payee)).toBe(1);
  });
  it('where a payment was asked for, though none was made', async () => {
    const both = await parties();
    const id = await opened(both);
    await both.payee.run(signUpdate, { input: { contract: id, amount: 1_000n } });
    expect(await lapse(both.payee.home, creditWatcher, idClaim(id))).toBe(true);
    expect(await next(both.payee)).toBe(1);
  });
  it('where its coin was seen once, though no node knows it any more', async () => {
    const both = await parties();
    const id = await opened(both);
    const seen = { ...(await payeeOf(both, id)), funded: true } as Credit;
    await change(
      both.payee.home.store,
      { contract: creditKind },
      () => ({ contract: idClaim(id) }),
      () => ({ writes: { contract: seen }, result: undefined }),
    );
    expect(await lapse(both.payee.home, creditWatcher, idClaim(id))).toBe(true);
    expect(await next(both.payee)).toBe(1);
  });
  it('where something was paid, and all is settled and forgotten', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 50_000n);
    expect(await lapse(both.payee.home, creditWatcher, idClaim(id))).toBe(false);
    await both.payee.run(exitCredit, { input: { contract: id } });
    await settle(both.payee, id);
    expect((await pruneAll(both.payee)).records).toEqual({ credit: 1 });
    expect(await next(both.payee)).toBe(1);
  });
  it('where a close was proposed', async () => {
    const both = await parties();
    const id = await opened(both);
    await both.payee.run(closeCredit, { input: { contract: id } });
    await lapse(both.payee.home, creditWatcher, idClaim(id));
    expect(await next(both.payee)).toBe(1);
  });
  it('where a person had named it', async () => {
    const both = await parties();
    const { address } = await freshAddress(both.payee.home);
    await cancelOffer(both, await offerOf(both, { payout: address }));
    expect(await next(both.payee)).toBe(1);
  });
  it('where it has got a coin, whoever sent that', async () => {
    const both = await parties();
    await cancelOffer(both, await offerOf(both));
    expect(await next(both.payee)).toBe(0);
    const node = await fakeNode(scanAnswers([{ index: 0, sat: 600n }]));
    expect((await walletCoins(both.payee.home, new Rpc({ url: node.url }))).coins).toHaveLength(1);
    expect(await next(both.payee)).toBe(1);
  });
  it('in a home that was restored, by what the lost one had given up, or gives up there', async () => {
    const both = await parties();
    const { payee } = both;
    const [first, second] = [await offerOf(both), await offerOf(both)];
    await cancelOffer(both, first);
    expect(await next(payee)).toBe(0);
    await payee.lose(await payee.backUp());
    await payee.home.acceptRestore();
    expect(await next(payee)).toBe(2);
    await refused(() => cancelOffer(both, second), 'too-late-to-cancel', payee);
    expect(await next(payee)).toBe(2);
    await cancelOffer(both, await offerOf(both));
    expect(await next(payee)).toBe(2);
  });
});

it('a person gets none that a stranger has seen', async () => {
  const both = await parties();
  await cancelOffer(both, await offerOf(both));
  expect([await next(both.payee), (await freshAddress(both.payee.home)).index]).toEqual([0, 1]);
});

describe('a stranger who asks for offers without end', () => {
  const TAKEN = 2_000;
  const ask = async ({ payee, payer }: Pair): Promise<Message> => {
    const { message: asked } = await payer.run(openCredit, { input: { as: 'payer' } });
    return (await payee.run(openCredit, { on: asked, served: {} })).message;
  };

  it('hides no coin from the words, which none of the addresses before it is given again after', async () => {
    const both = await parties();
    const { payee } = both;
    for (let i = 0; i < TAKEN; i++) await ask(both);
    const mine = await freshAddress(payee.home);
    expect(mine.index).toBe(TAKEN);

    await payee.fromWords();
    const node = await fakeNode(scanAnswers([{ index: mine.index }]));
    const rpc = new Rpc({ url: node.url });
    const { coins, cutAt } = await walletCoins(payee.home, rpc);
    expect(coins).toMatchObject([{ address: mine.address, amount: expect.anything(), confirmations: 11 }]);
    expect(cutAt).toBeUndefined();
    const looks = () => node.asked.filter(({ method }) => method === 'scantxoutset').length;
    expect(looks()).toBe(2);
    expect((await freshAddress(payee.home)).index).toBe(mine.index + 1);
    expect(await next(payee)).toBe(mine.index + 2);
    // From now on its counter is right, and one look is enough.
    expect((await walletCoins(payee.home, rpc)).coins).toHaveLength(1);
    expect(looks()).toBe(3);
    expect(GAP.lost).toBeGreaterThan(TAKEN);
  });

  it('uses up no more addresses than it holds offers at a time', async () => {
    const both = await parties();
    const { store } = both.payee.home;
    const taken: WalletPath[] = [];
    for (let day = 0; day < 3; day++) {
      const offers: Message[] = [];
      for (let i = 0; i < 40; i++) offers.push(await ask(both));
      for (const offer of offers) await cancelOffer(both, offer);
      taken.push(...(await store.lastUsed()));
    }
    expect(taken.map(({ index }) => index)).toEqual([39, 39, 39]);
    expect(await store.addresses()).toHaveLength(40);
    // The customer beside it has his own.
    await ownCoin(both.payee, 1_000n);
    expect((await store.lastUsed())[0]).toMatchObject({ index: 40 });
  });
});
