/** Finished ways out of every family, as packages, from homes of this process. */
import { writePsbt } from '../../src/lib/bitcoin/psbt.ts';
import { withWitness, txidOfHex, outputsOf, type Spent, type Template } from '../../src/lib/bitcoin/transaction.ts';
import { signKeyPath } from '../../src/lib/bitcoin/wallet-inputs.ts';
import { exitPackage, type Exit, type ExitPackage } from '../../src/lib/contract/exit-package.ts';
import { creditExit } from '../../src/lib/credit/ways.ts';
import { exitCredit } from '../../src/lib/ecash/credit.ts';
import { packaged } from '../../src/lib/engine/bump.ts';
import { refundExit } from '../../src/lib/htlc/ways.ts';
import { pledgeKind } from '../../src/lib/pledge/records.ts';
import { pledge } from '../../src/lib/pledge/table.ts';
import { pledgeExit } from '../../src/lib/pledge/ways.ts';
import { parseJson, printJson } from '../../src/lib/protocol/json.ts';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import { exitStatechain } from '../../src/lib/statechain/exit.ts';
import { statechainExit } from '../../src/lib/statechain/ways.ts';
import { ADDRESSES } from '../credit/things.ts';
import { opened, ownCoin, pair, payMessages } from './credit.ts';
import { COIN, finished, FORMS, formName, htlcOf, spendOf, TO } from './htlc.ts';
import { TestParty } from './party.ts';
import { cast, opened as openedCoin, transferMessages } from './statechain.ts';
import { signAll, walletKey } from './wallet.ts';

export interface Made {
  name: string;
  family: string;
  exit: Exit;
  package: ExitPackage;
}
const AT = { tip: 1000, now: 1_800_000_000 };

/** A package as whoever gets it reads it. */
export const asRead = (document: unknown): any => parseJson(printJson(document));

/** Contracts of 1,200,000 sat, over which 250,000 are paid. */
export async function creditExits(seed: number, feerate = 2_000): Promise<Made[]> {
  const both = await pair(seed);
  const id = await opened(both);
  await payMessages(both, id, 250_000n);
  const made: Made[] = [];
  for (const [name, party] of [
    ['exit', both.payee],
    ['refund', both.payer],
  ] as const) {
    const { message } = await party.run(exitCredit, { input: { contract: id, export: true, early: true } });
    const exit = creditExit(message);
    const read = await packaged('credit', exit, { ...AT, feerate }, party.home, false);
    made.push({ name: `credit ${name}`, family: 'credit', exit, package: read });
  }
  both.close();
  return made;
}

/** The exit of a first owner, and of a second. */
export async function statecoinExits(seed: number, feerate = 2_000): Promise<Made[]> {
  const all = await cast(seed);
  const ids = [await openedCoin(all), await openedCoin(all)];
  await transferMessages(all.operator, all.alice, all.bob, ids[1]!);
  const made: Made[] = [];
  for (const [name, owner, contract] of [
    ['first owner', all.alice, ids[0]!],
    ['second owner', all.bob, ids[1]!],
  ] as const) {
    const { message } = await owner.run(exitStatechain, { input: { contract, bundle: true } });
    const exit = statechainExit(message);
    const read = await packaged('statechain', exit, { ...AT, feerate }, owner.home, false);
    made.push({ name: `statechain ${name}`, family: 'statechain', exit, package: read });
  }
  all.close();
  return made;
}

/** Refunds of every kind of HTLC. */
export const htlcExits = (): Made[] =>
  FORMS.map((form) => {
    const htlc = htlcOf(form);
    const spent = spendOf(htlc, 'refund');
    const exit = refundExit(htlc, finished(spent).hex, spent.template.inputs[0]!, TO);
    return { name: `htlc ${formName(form)}`, family: 'htlc', exit, package: exitPackage('htlc', exit, [], AT) };
  });

export async function pledgeExits(seed: number, feerate = 2_000): Promise<Made[]> {
  const [collector, alice] = [await TestParty.make(seed), await TestParty.make(seed + 1)];
  collector.chain.feerate = 1_000;
  alice.chain.feerate = 2_000;
  const outputs = [{ address: ADDRESSES.p2tr, sat: 1_000_000n }];
  const { message: on } = await collector.run(pledge, { input: { outputs } });
  const coin = await ownCoin(alice, 400_000n);
  await alice.run(pledge, { on, input: { utxo: [coin], coin: outpointText(coin) } });
  const [own] = (await alice.home.store.list('pledge')).map(({ record }) => pledgeKind.parse(record));
  const exit = pledgeExit(own!);
  const read = await packaged('pledge', exit, { ...AT, feerate }, alice.home, false);
  collector.close();
  alice.close();
  return [{ name: 'pledge taken back', family: 'pledge', exit, package: read }];
}

/** A key outside of every home, and a coin of it. */
export const KEY = walletKey('p2tr', 5);
export const PLAIN: Spent = { ...COIN, script: KEY.script };
const templateOf = (
  coins: readonly Spent[],
  sat: bigint,
  more: Partial<Template> & { sequence?: number } = {},
): Template => {
  const { sequence = 0xfffffffd, ...rest } = more;
  const inputs = coins.map((one) => ({ ...one, sequence }));
  return { version: 2, locktime: 0, inputs, outputs: [{ sat, script: KEY.script }], ...rest };
};
/** A transaction of coins of that key, finished. */
export function plain(...of: Parameters<typeof templateOf>): string {
  const template = templateOf(...of);
  return withWitness(
    template,
    template.inputs.map((_, i) => signKeyPath(template, i, KEY.secret, new Uint8Array(32))),
  );
}
/** The same as a signed PSBT. */
export const plainPsbt = (...of: Parameters<typeof templateOf>): string => writePsbt(signAll(templateOf(...of), [KEY]));
/** A way out by this transaction alone. */
export const only = (hex: string, spends: readonly Spent[], more: Partial<Exit['steps'][0]> = {}): Exit => ({
  contract: 'ee'.repeat(32),
  network: 'regtest',
  script: KEY.script,
  steps: [{ hex, spends, by: null, why: 'leaves', bears: true, ...more }],
});
/** Coin that a transaction makes. */
export const outputOf = (hex: string, vout = 0): Spent => ({ txid: txidOfHex(hex), vout, ...outputsOf(hex)[vout]! });

/** A step, and one that waits for three blocks on its output: the shape of a channel's. */
export function twoSteps(): Made {
  const first = plain([PLAIN], 99_000n);
  const made = outputOf(first);
  const exit: Exit = {
    contract: 'ee'.repeat(32),
    network: 'regtest',
    script: KEY.script,
    steps: [
      { hex: first, spends: [PLAIN], by: null, why: 'shows the state', bears: true },
      {
        hex: plain([made], 98_000n, { sequence: 3 }),
        spends: [made],
        by: 2_000,
        why: 'takes what it pays',
        bears: true,
      },
    ],
  };
  return { name: 'two steps', family: 'channel', exit, package: exitPackage('channel', exit, [null, null], AT) };
}

/** Packages of all families, with children where the feerate asks for them. */
export async function everyExit(seed: number): Promise<Made[]> {
  return [
    ...(await creditExits(seed)),
    ...(await creditExits(seed + 10, 30_000)),
    ...(await statecoinExits(seed + 20)),
    ...htlcExits(),
    ...(await pledgeExits(seed + 40)),
    ...(await pledgeExits(seed + 50, 30_000)),
    twoSteps(),
  ];
}

/** A step as documents are compared: signatures are drawn. */
export const withoutSignatures = ({ hex, child, ...step }: any): object => ({
  ...step,
  hex: typeof hex,
  child: child && { ...child, psbt: typeof child.psbt },
});
