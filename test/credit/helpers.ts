/** Short words that the credit tests share. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { ERRORS, type ErrorCode } from '../../src/lib/protocol/refusal.ts';
import type { Utxo } from '../../src/lib/protocol/action.ts';
import type { FundedCredit, PayeeCredit, PayerCredit } from '../../src/lib/credit/records.ts';
import { canonicalJson, printJson } from '../../src/lib/protocol/json.ts';
import { defaultPolicy, keysOf } from '../../src/lib/credit/terms.ts';
import { seal } from '../../src/lib/signing/seal.ts';
import { pair, type Pair } from '../support/credit.ts';
import type { Message, TestParty } from '../support/party.ts';
import { reseal, sealSecret } from './alter.ts';

export const policy = defaultPolicy('regtest');

let seed = 1;
const open: Pair[] = [];
afterEach(() => {
  for (const both of open.splice(0)) both.close();
});
/** Two homes that go with the test. */
export async function parties(): Promise<Pair> {
  const both = await pair((seed = (seed + 2) % 250));
  open.push(both);
  return both;
}

/** The run is refused with this code, and what a home held is untouched. */
export async function refused(
  run: () => Promise<unknown>,
  code: ErrorCode,
  ...homes: readonly TestParty[]
): Promise<{ message: string; hint?: string; blame?: string; exit: number }> {
  const before = await Promise.all(homes.map(async (p) => canonicalJson(await p.state())));
  const error = await run().then(
    () => undefined,
    (e: unknown) => e as { code?: string; exit: number; message: string; hint?: string; blame?: string },
  );
  expect(error?.code ?? error ?? 'not refused').toBe(code);
  expect(error!.exit).toBe(ERRORS[code][0]);
  expect(await Promise.all(homes.map(async (p) => canonicalJson(await p.state())))).toEqual(before);
  return error!;
}

export const payeeOf = async (both: Pair, id: string) => (await both.payee.record(id)) as PayeeCredit;
export const payerOf = async (both: Pair, id: string) => (await both.payer.record(id)) as PayerCredit;

/** Both chains show the contract's coin so. */
export function show(both: Pair, c: FundedCredit, coin: Partial<Utxo> | 'missing' = {}): void {
  const at = `${c.outpoint.txid}:${c.outpoint.vout}`;
  const script = coinScript(c);
  const shown = coin === 'missing' ? coin : { sat: c.terms.capacity_sat, script, confirmations: 6, ...coin };
  for (const party of [both.payee, both.payer]) {
    const had = party.chain.coins === 'not-checked' ? [] : [...party.chain.coins];
    party.chain.coins = new Map([...had, [at, shown]]);
  }
}
const coinScript = (c: FundedCredit): string => keysOf(c.terms).script;

export const tip = (both: Pair, height: number | 'not-checked'): void => {
  both.payer.chain.tip = both.payee.chain.tip = height;
};

let copies = 0;
/** A copy of the home as a backup makes it; `restore` goes on from one. */
export function backUp(party: TestParty): string {
  const to = join(party.dir, '..', `backup-${(copies += 1)}`);
  cpSync(party.home.dir, to, { recursive: true });
  return to;
}
export async function restore(party: TestParty, backup: string): Promise<void> {
  await party.reopen(backup);
}

/** What this party says, under its seal in that contract. */
export async function says(party: TestParty, contract: string, message: object): Promise<Message> {
  const { own } = (await party.record(contract)) as PayeeCredit | PayerCredit;
  const read = JSON.parse(printJson(message)) as object;
  return seal({ version: 1, network: 'regtest', ...read }, (await party.home.keys()).auth(own.path));
}

/** The message as its sender would send it with something else in it. */
export async function sealedAs(sender: TestParty, message: Message, change: object): Promise<Message> {
  return reseal({ ...message, ...change }, await sealSecret(sender, message));
}
