/**
 * A running mint, cdk-mintd, whose payment backend is the operator's home: the whole round by processes, each of them killed
 * between any two steps, and older copies put back. The same sequences run against a mint of the tests in `npm test`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Wallet, getDecodedToken } from '@cashu/cashu-ts';
import { ROOT } from '../cli/run.ts';
import { until } from '../support/mint-home.ts';
import { freePort } from '../support/port.ts';
import { Shop } from '../support/shop.ts';
import { findCdkCli, findMintd, Mintd } from './mintd.ts';

let shop: Shop;
let mintd: Mintd;
const there = findMintd() !== undefined;
const wallet = async (): Promise<Wallet> => {
  const made = new Wallet(shop.url, { unit: 'sat' });
  await made.loadMint();
  return made;
};
const sumOf = async (token: string): Promise<number> => {
  const { keysets } = (await (await fetch(`${shop.url}/v1/keysets`)).json()) as { keysets: { id: string }[] };
  const ids = keysets.map(({ id }) => id);
  return getDecodedToken(token.trim(), ids).proofs.reduce((all, { amount }) => all + Number(amount.toString()), 0);
};

describe.runIf(there)('cdk-mintd behind a home', () => {
  beforeEach(async () => {
    shop = await Shop.make();
    shop.url = `http://127.0.0.1:${await freePort()}`;
    const cdk = `127.0.0.1:${await freePort()}`;
    await shop.serve(undefined, cdk);
    mintd = new Mintd(shop, cdk);
    await mintd.start();
    await shop.proved();
  });
  afterEach(async () => {
    await mintd.kill();
    await shop.remove();
  });
  const again = async (): Promise<void> => {
    await shop.kill();
    await shop.serve(undefined, shop.cdk);
    await shop.proved();
  };
  const mintAgain = async (): Promise<void> => {
    await mintd.kill();
    await mintd.start();
  };

  it('open, quote, pay, mint, pay again on the reusable quote, melt, settle, exit: processor and mint killed between any two steps', async () => {
    const contract = await shop.forward();
    await again();
    const quote = await shop.bind(contract);
    await mintAgain();
    await shop.pay(contract, 2_100);
    await again();
    await shop.arrived(quote, 2_100);
    await mintAgain();
    const first = await shop.mintToken(contract);
    expect(await sumOf(first)).toBe(2_100);
    expect(await shop.mintToken(contract)).toBe(first);
    await shop.kill();
    await shop.pay(contract, 900, shop.byHand);
    await mintd.kill();
    await shop.serve(undefined, shop.cdk);
    await mintd.start();
    await shop.proved();
    await shop.arrived(quote, 3_000);
    await again();
    const second = await shop.mintToken(contract);
    expect(await sumOf(second)).toBe(900);

    const reverse = await shop.reverse();
    const invoice = await shop.invoice(reverse, 1_500);
    writeFileSync(shop.path('wallet'), first);
    await mintAgain();
    const melted = await shop.melt(invoice, 'wallet');
    expect(melted.code, melted.stderr).toBe(0);
    expect(JSON.parse(melted.stdout)).toMatchObject({ amount_sat: 1_500, change_sat: 600 });
    await again();
    expect(await shop.owed(reverse)).toMatchObject({ owed_sat: 1_500 });
    expect((await shop.melt(invoice, 'wallet')).code).not.toBe(0);
    expect((await shop.settle(reverse, 1_500))['paid_sat']).toBe(1_500);

    // Tokens outstanding ≤ paid − melted.
    const { amount_paid: paid, amount_issued: issued } = await shop.figures(quote);
    expect([paid, issued]).toEqual([3_000, 3_000]);
    expect((await sumOf(second)) + (await sumOf(readFileSync(shop.path('wallet'), 'utf8')))).toBe(3_000 - 1_500);

    // More is paid in ecash before the merchant's contract is rolled over: what is owed is signed first.
    const more = await shop.invoice(reverse, 600);
    expect((await shop.melt(more, 'wallet')).code).toBe(0);
    await expect(shop.roll(reverse, 'merchant', 'mint', 1_200_000)).rejects.toThrow();
    await shop.settle(reverse, 600);
    const rolled = await shop.roll(reverse, 'merchant', 'mint', 1_200_000);
    const next = rolled['next_contract'].id;
    writeFileSync(shop.path('wallet'), second);
    const last = await shop.melt(await shop.invoice(next, 500), 'wallet');
    expect(last.code, last.stderr).toBe(0);
    await shop.settle(next, 500);
    const exit = JSON.parse(await shop.said('merchant', ['exit-credit', '--contract', next]));
    expect(exit).toMatchObject({ amount_sat: 500 });
  });

  it('20 invoices by two wallets at once: each is paid once, sums equal to the satoshi', async () => {
    const contract = await shop.forward();
    await shop.bind(contract);
    const tokens: string[] = [];
    for (const amount of [30_000, 30_000]) {
      await shop.pay(contract, amount);
      tokens.push(await shop.mintToken(contract));
    }
    const reverse = await shop.reverse();
    const amounts = Array.from({ length: 20 }, (_, i) => 1_000 + i);
    const invoices: string[] = [];
    for (const amount of amounts) invoices.push(await shop.invoice(reverse, amount));
    // Each wallet is cashu-ts itself, unchanged.
    const spend = async (token: string): Promise<number> => {
      const own = await wallet();
      let proofs = await own.receive(token.trim());
      let paid = 0;
      for (const request of invoices) {
        const payload = { request, unit: 'sat', method: 'credit' };
        const quote = await own.createMeltQuote('credit', payload).catch(() => undefined);
        if (!quote) continue;
        const { send, keep } = await own.send(quote.amount, proofs, { includeFees: true });
        try {
          const done = await own.meltProofs('credit', quote, send, { nut08Change: false });
          if ((done.quote as { state?: string }).state !== 'PAID') throw new Error('not paid');
          paid += Number(quote.amount.toString());
          proofs = keep;
        } catch {
          proofs = [...keep, ...(await own.groupProofsByState(send)).unspent];
        }
      }
      expect(proofs.reduce((all, { amount }) => all + Number(amount.toString()), 0)).toBe(30_000 - paid);
      return paid;
    };
    const [one, two] = await Promise.all(tokens.map(spend));
    const all = amounts.reduce((a, b) => a + b, 0);
    expect(one! + two!).toBe(all);
    expect(await shop.owed(reverse)).toMatchObject({ owed_sat: all });
    expect((await shop.owed(reverse))['invoices']).toHaveLength(20);
    await shop.settle(reverse, all);
    const exit = JSON.parse(await shop.said('merchant', ['exit-credit', '--contract', reverse]));
    expect(exit).toMatchObject({ amount_sat: all });
  });

  it.runIf(findCdkCli())('an unchanged wallet: cdk-cli mint --method credit', async () => {
    const contract = await shop.forward();
    await shop.bind(contract);
    mkdirSync(shop.path('cli'));
    const child = spawn(findCdkCli()!, ['--work-dir', shop.path('cli'), 'mint', '--method', 'credit', shop.url, '330']);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (said += part.toString()));
    await until(() => /\{"type":"credit-request".*\}/.test(said), 'the payment request', 30_000);
    const request = /\{"type":"credit-request".*\}/.exec(said)![0];
    const named = ['sign-update', '--contract', contract, '--amount', '330', '--request', request];
    const signed = await shop.said('user', ['sign-update'], await shop.post(await shop.said('user', named)));
    expect(JSON.parse(await shop.post(signed))).toMatchObject({ step: 'accepted', paid_sat: 330 });
    await new Promise((done) => child.once('exit', done));
    const balance = spawnSync(findCdkCli()!, ['--work-dir', shop.path('cli'), 'balance'], { encoding: 'utf8' });
    expect(balance.stdout).toContain('330');
  });

  it('an older copy of the mint put back is detected, and stops the quote: mint-behind', async () => {
    const contract = await shop.forward();
    const quote = await shop.bind(contract);
    await shop.pay(contract, 1_000);
    await shop.arrived(quote, 1_000);
    await mintd.kill();
    const putBack = shop.copy('mintd');
    await mintd.start();
    await shop.pay(contract, 2_000);
    await shop.arrived(quote, 3_000);
    // Once more, so that the home has seen the figure.
    await shop.pay(contract, 500);
    await shop.arrived(quote, 3_500);
    const ask = () => shop.said('user', ['sign-update', '--contract', contract, '--amount', '700']);
    const requested = await shop.post(await ask());
    await mintd.kill();
    putBack();
    await mintd.start();
    await until(() => shop.log.includes('mint-behind'), 'mint-behind', 60_000);
    // Nobody is asked to sign any more for what would be refused.
    expect(JSON.parse(await shop.post(await ask())).error.code).toBe('mint-behind');
    // To the customer what it paid has not arrived: it pays no further unless it says so.
    expect((await shop.run('user', ['sign-update'], requested)).stderr).toContain('error[ecash-awaited]');
    const signed = await shop.said('user', ['sign-update', '--max-inflight', '5000'], requested);
    expect(JSON.parse(await shop.post(signed)).error.code).toBe('mint-behind');
    // The quote that the mint may issue from again is given up; what was never told goes to a new one.
    await shop.said('mint', ['ecash-quote', '--contract', contract, '--confirm']);
    await expect(shop.bind(contract)).rejects.toThrow();
    const next = await shop.bind(contract, '--renew');
    expect(next).not.toBe(quote);
    expect(JSON.parse(await shop.post(signed))).toMatchObject({ step: 'accepted' });
    await shop.arrived(next, 700);
  });

  it('an older copy of the home put back is detected, and its contracts are exit-only for ecash', async () => {
    const contract = await shop.forward();
    const quote = await shop.bind(contract);
    await shop.pay(contract, 1_000);
    await shop.arrived(quote, 1_000);
    await shop.kill();
    const putBack = shop.copy('mint');
    await shop.serve(undefined, shop.cdk);
    await shop.proved();
    await shop.pay(contract, 2_000);
    await shop.arrived(quote, 3_000);
    await shop.kill();
    putBack();
    await shop.serve(undefined, shop.cdk);
    await shop.proved();
    const asked = await shop.said('user', ['sign-update', '--contract', contract, '--amount', '700']);
    expect(JSON.parse(await shop.post(asked)).error.code).toBe('home-restored');
    await shop.said('mint', ['restore', '--accept-restore']);
    await shop.kill();
    await shop.serve(undefined, shop.cdk);
    await shop.proved();
    const made = await shop.said('user', ['ecash-quote', '--contract', contract]);
    expect(JSON.parse(await shop.post(made)).error.code).toMatch(/home-restored|contract-restored/);
    expect((await shop.figures(quote))['amount_paid']).toBe(3_000);
  });
});

describe.runIf(there)('the runbook', () => {
  it('runs from end to end', () => {
    const ran = spawnSync('bash', [join(ROOT, 'fixtures/runbooks/running-mint.sh')], { encoding: 'utf8' });
    expect(ran.status, ran.stderr).toBe(0);
    expect(ran.stdout).toMatch(/^proved: /);
  });
});

describe('without a mint', () => {
  it('the runbook says so in one line and ends with 0', () => {
    const env = { PATH: '/usr/bin:/bin' };
    const ran = spawnSync('bash', [join(ROOT, 'fixtures/runbooks/running-mint.sh')], { env, encoding: 'utf8' });
    expect([ran.status, ran.stdout]).toEqual([0, 'skipped: no cdk-mintd on PATH or in CDK_MINTD\n']);
  });
});
