/**
 * Kill -9 at every labelled point of report and melt (outside CI the points take turns), in the process that serves a mint:
 * afterwards every sum is right to the satoshi, whoever asks again.
 */
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestMint } from '../support/mint.ts';
import { until } from '../support/mint-home.ts';
import { rotating } from '../support/rotate.ts';
import { Shop } from '../support/shop.ts';
import { bash } from '../cli/run.ts';

let shop: Shop;
let mint: TestMint;
beforeEach(async () => {
  mint = new TestMint();
  shop = await Shop.make();
  shop.url = await mint.serve();
});
afterEach(async () => {
  await mint.stop();
  await shop.remove();
});

/** The operator's server, and the mint with it as its backend. */
async function up(stopAt?: string): Promise<void> {
  await shop.serve(stopAt);
  await mint.connect(shop.cdk).catch(() => {});
  await shop.proved();
}
async function down(): Promise<void> {
  mint.disconnect();
  await shop.kill();
}

describe('a server killed while it reports', () => {
  it.each(rotating(['report-before-commit', 'before-tide', 'in-commit', 'report-committed', 'report-shown'], 2))(
    '%s: the payment arrives once',
    async (label) => {
      await up();
      const contract = await shop.forward();
      const quote = await shop.bind(contract);
      await down();
      await shop.pay(contract, 2_100, shop.byHand);
      await up(label).catch(() => {});
      await shop.gone();
      mint.disconnect();
      await up();
      await shop.arrived(quote, 2_100);
      await shop.pay(contract, 900);
      await shop.arrived(quote, 3_000);
      expect(mint.state.quotes.find(({ id }) => id === quote)!.paid).toBe(3_000);
    },
  );
});

describe('a server killed in mid-melt', () => {
  it.each(rotating(['melt-before-commit', 'in-commit', 'before-tide', 'melt-before-answer'], 2))(
    '%s: paid once, or given back and not paid',
    async (label) => {
      await up();
      const reverse = await shop.reverse();
      const invoice = await shop.invoice(reverse, 1_500);
      const melt = await mint.newMelt(invoice);
      await down();
      await up(label);
      await mint.melt(melt, ['a secret']);
      await shop.gone();
      expect(melt.state).toBe('PENDING');
      mint.disconnect();
      await up();
      await until(() => melt.state !== 'PENDING', 'the recovery');
      const { owed_sat: owed } = await shop.owed(reverse);
      expect([melt.state, owed]).toEqual(owed === 0 ? ['UNPAID', 0] : ['PAID', 1_500]);
      if (owed === 0) {
        const again = await mint.melt(await mint.newMelt(invoice), ['a secret']);
        expect(again.state).toBe('PAID');
        expect((await shop.owed(reverse))['owed_sat']).toBe(1_500);
      }
    },
  );
});

describe('serve', () => {
  it('stops where the mint at the URL is another one, with its code', async () => {
    const other = new TestMint();
    await shop.serve();
    await other.connect(shop.cdk);
    const real = mint.newQuote.bind(mint);
    mint.newQuote = async (body) => {
      const quote = { id: 'nobody-asked', request: 'x', amount: null, pubkey: body.pubkey ?? null };
      return { ...quote, expiry: null, paid: 0, issued: 0, payments: [] };
    };
    await shop.gone();
    expect(shop.log).toContain('error[wrong-mint]');
    mint.newQuote = real;
    await other.stop();
  });

  it('needs TLS, or regtest and loopback', async () => {
    const argv = ['serve', '--cdk', '0', '--mint', shop.url];
    const ran = await shop.run('mint', argv);
    expect([ran.code, ran.stderr]).toEqual([77, expect.stringContaining('error[insecure-mint]')]);
    expect((await shop.run('mint', ['serve', '--cdk', '0'])).code).toBe(2);
  });

  it('ends on SIGTERM with an open stream, which ends before its connection is cut', async () => {
    await up();
    mint.endings = [];
    await shop.kill('SIGTERM');
    await expect.poll(() => mint.endings[0]).toBeDefined();
    expect(mint.endings[0]).toBe(status.OK);
  });
});

describe('the round, by processes', () => {
  it('open, quote, pay, mint, invoice, melt, settle, exit; with a QR code that says the same', async () => {
    await up();
    const contract = await shop.forward();
    const quote = await shop.bind(contract);
    expect(await shop.bind(contract)).toBe(quote);
    await shop.pay(contract, 2_100);
    const token = await shop.mintToken(contract);
    expect(token).toMatch(/^cashuB[^\n]+\n$/);
    expect(await shop.mintToken(contract)).toBe(token);
    const reverse = await shop.reverse();
    const asks = ['--amount', '1500', '--memo', 'two cups', '--expires-in', '60', '--qr'];
    const { code, stdout, stderr } = await shop.run('merchant', ['credit-invoice', '--contract', reverse, ...asks]);
    expect([code, stdout.trim().split('\n').length]).toEqual([0, 1]);
    expect(stderr).toMatch(/[█▀▄]{20}/);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'invoice', amount_sat: 1_500, memo: 'two cups' });
    await bash(`printf %s '${token.trim()}' > wallet`, { cwd: shop.dir });
    const melted = await shop.melt(stdout.trim(), 'wallet');
    expect(JSON.parse(melted.stdout)).toMatchObject({ type: 'ecash-melt', amount_sat: 1_500, change_sat: 600 });
    const { receipt } = JSON.parse(melted.stdout);
    const shown = ['--check', '--invoice', stdout.trim(), '--receipt', receipt];
    const queried = await shop.said('merchant', ['credit-invoice', '--contract', reverse, ...shown]);
    const stated = JSON.parse(await shop.post(queried));
    expect(stated).toMatchObject({ step: 'stated', owed_sat: 1_500 });
    expect((await shop.settle(reverse, 1_500))['paid_sat']).toBe(1_500);
    const exit = JSON.parse(await shop.said('merchant', ['exit-credit', '--contract', reverse]));
    expect(exit).toMatchObject({ amount_sat: 1_500 });
  });

  it('commands refuse what is off, before anything is asked', async () => {
    await up();
    const reverse = await shop.reverse();
    const contract = await shop.forward();
    const refusal = async (who: 'user' | 'merchant' | 'mint', argv: readonly string[]) => {
      const { code, stderr } = await shop.run(who, argv);
      return `${code} ${/error\[([a-z-]+)\]/.exec(stderr)?.[1]}`;
    };
    expect(await refusal('merchant', ['credit-invoice', '--contract', reverse])).toBe('2 usage');
    expect(await refusal('merchant', ['credit-invoice', '--contract', reverse, '--amount', '0'])).toBe(
      '77 amount-not-growing',
    );
    expect(await refusal('mint', ['credit-invoice', '--contract', contract, '--amount', '5'])).toBe('75 wrong-state');
    expect(await refusal('user', ['ecash-mint'])).toBe('2 usage');
    expect(await refusal('user', ['ecash-mint', '--contract', contract])).toBe('76 quote-unknown');
    const other = ['--mint', 'https://other.example'];
    expect(await refusal('user', ['ecash-quote', '--contract', contract, ...other])).toBe('2 usage');
    const pay = ['sign-update', '--contract', contract, '--amount', '2100', '--request', '{"type":"x"}'];
    expect(await refusal('user', pay)).toBe('65 malformed-request');
    const confirmed = JSON.parse(await shop.said('mint', ['ecash-quote', '--contract', contract, '--confirm']));
    expect(confirmed).toMatchObject({ step: 'confirmed', paid_sat: 0, waiting_sat: 0 });
  });
});
