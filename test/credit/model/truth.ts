/** What an observer of the model knows whatever a store forgets, and what must hold after every command. */
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { getDecodedToken } from '@cashu/cashu-ts';
import { expect } from 'vitest';
import { bytesToHex } from '../../../src/lib/bitcoin/bytes.ts';
import { outpointText } from '../../../src/lib/bitcoin/outpoint.ts';
import { taprootSighash } from '../../../src/lib/bitcoin/sighash.ts';
import { parseTransaction, sumSat, type Template } from '../../../src/lib/bitcoin/transaction.ts';
import { creditKind, heldKey, isFunded, type Credit, type FundedCredit } from '../../../src/lib/credit/records.ts';
import { total } from '../../../src/lib/credit/spans.ts';
import { keysOf, payoutScript, pubkeyOf } from '../../../src/lib/credit/terms.ts';
import { maxPaid, refund, update } from '../../../src/lib/credit/transactions.ts';
import { outputNote } from '../../../src/lib/ecash/promise.ts';
import { confirmOwed } from '../../../src/lib/mint/confirm.ts';
import { invoiceKind } from '../../../src/lib/mint/records.ts';
import { parseJson } from '../../../src/lib/protocol/json.ts';
import { verifies } from '../../../src/lib/signing/bip340.ts';
import type { Message, TestParty } from '../../support/party.ts';
import { TABLES, type Who } from './commands.ts';
import type { World } from './world.ts';

const most = (map: Map<string, bigint>, id: string, sat: bigint): void =>
  void (sat > (map.get(id) ?? 0n) && map.set(id, sat));

export class Truth {
  /** The most that was ever signed for a contract, and that its payee said was paid. */
  readonly signed = new Map<string, bigint>();
  readonly #paid = new Map<string, bigint>();
  /** Invoices that were paid over reverse contracts. */
  readonly invoices: { contract: string; amountSat: bigint }[] = [];
  /** By home and own key: given up for good. */
  readonly gone = new Set<string>();
  readonly #said = new Set<string>();
  /** The secrets that were printed in tokens, and what they are worth. */
  readonly #tokens = new Map<string, bigint>();
  readonly #forgot = new Set<Who>();

  /** @returns whether that is said for the first time */
  hears(by: Who, text: string, m: Message): boolean {
    if (m['type'] === 'sign-update' && m['step'] === 'accepted')
      most(this.#paid, m['contract'].id, BigInt(m['paid_sat']));
    if (typeof m['token'] === 'string') {
      const { proofs } = getDecodedToken(m['token'], [this.keyset]);
      for (const { secret, amount } of proofs) this.#tokens.set(secret, amount.toBigInt());
    }
    const isNew = !this.#said.has(`${by} ${text}`);
    this.#said.add(`${by} ${text}`);
    return isNew;
  }
  keyset = '';
  forgets(who: Who): void {
    this.#forgot.add(who);
    for (const name of this.gone) if (name.startsWith(`${who} `)) this.gone.delete(name);
  }
  hasForgotten = (who: Who): boolean => this.#forgot.has(who);
  /** Homes that died between a commit and its word: what they keep was perhaps not printed yet. */
  readonly cutShort = new Set<Who>();
  paidOver = (id: string): bigint => this.#paid.get(id) ?? 0n;
  signedOver = (id: string): bigint => this.signed.get(id) ?? 0n;
  owedOver = (id: string): bigint =>
    this.invoices.reduce((sum, i) => (i.contract === id ? sum + i.amountSat : sum), 0n);
  arrivedSat = (): bigint => [...this.#tokens.values()].reduce((sum, sat) => sum + sat, 0n);

  /** All ecash that was ever issued can be had, and counts once; all that is owed is known. */
  async drained(world: World): Promise<void> {
    let all = 0n;
    const [mint, payer] = [await world.records(0), await world.records(1)];
    for (const had of payer.filter((c) => isFunded(c) && c.role === 'payer' && c.terms.ecash === 'home')) {
      const { id } = had as FundedCredit;
      const payee = mint.find((c) => 'id' in c && c.id === id);
      if (!payee || !isFunded(payee) || payee.role !== 'payee') continue;
      const outputs = world.sent
        .filter((s) => s.message['contract']?.id === id && s.message['step'] === 'signed' && s.message['ecash'])
        .flatMap(({ message: m }) => m['ecash'].outputs as { B_: string; amount_sat: number }[]);
      if (outputs.length === 0) continue;
      const restore = TABLES['ecash-restore'];
      const asked = await world.homes[1].run(restore, { input: { contract: id, keyset: world.keyset, from: 0 } });
      const answered = await world.homes[0].run(restore, { on: asked.message });
      const { text, message } = await world.homes[1].run(restore, { on: answered.message });
      this.hears(1, text, message);
      const names = [...new Set(outputs.map(({ B_ }) => outputNote(B_)))];
      const notes = await world.homes[0].home.store.notes(names);
      const signed = [...notes.values()] as unknown as { amount_sat: number }[];
      const issued = signed.reduce((sum, { amount_sat }) => sum + BigInt(amount_sat), 0n);
      all += issued;
      const [mine, theirs] = [await world.homes[1].ledger(id), await world.homes[0].ledger(id)];
      expect(total(mine.arrived), 'what came as ecash').toBe(issued);
      expect(issued, 'no more ecash than was paid').toBeLessThanOrEqual(payee.paidSat);
      expect(theirs.issuedSat, 'what was issued').toBe(issued);
      for (const a of mine.awaited) expect(a.paidSat, 'awaited, and came').toBeGreaterThan(payee.paidSat);
      if (issued > 0n) world.count('ecash drained');
    }
    expect(this.arrivedSat(), 'all ecash that was issued is to be had').toBe(all);
    const invoices = (await world.homes[0].home.store.list('invoice')).map(({ record }) => invoiceKind.parse(record));
    for (const c of mint)
      if (isFunded(c) && c.role === 'payer' && c.owedSat !== null)
        expect(confirmOwed(c, invoices).owedSat, 'a debt forgotten').toBeGreaterThanOrEqual(this.owedOver(c.id));
  }
}

/** What must hold after every command. */
export async function check(world: World): Promise<void> {
  for (const i of [0, 1] as const) {
    const all = await world.records(i);
    claims(world, i);
    for (const c of all) ends(world, i, c, all);
    for (const c of all.filter(isFunded)) owes(world, i, c, await world.homes[i].ledger(c.id));
  }
  for (const id of world.contracts)
    expect(world.truth.signedOver(id), `${id}: more paid than was ever signed`).toBeGreaterThanOrEqual(
      world.truth.paidOver(id),
    );
}

/** No claim without its record, and none that its record does not make. */
function claims(world: World, i: Who): void {
  const db = new DatabaseSync(join(world.homes[i].dir, 'store.db'), { readOnly: true });
  const rows = db.prepare('SELECT claim, kind, body FROM claim LEFT JOIN record ON record = id').all();
  const records = db.prepare("SELECT body FROM record WHERE kind = 'credit'").all();
  const nonces = db
    .prepare('SELECT of_claim FROM nonce')
    .all()
    .map((row) => row['of_claim']);
  db.close();
  const found = new Set(rows.map(({ claim }) => claim));
  const made = records.flatMap(({ body }) => creditKind.claims(creditKind.parse(parseJson(body as string))));
  const credit = rows.filter(({ kind }) => kind === 'credit').map(({ claim }) => claim as string);
  const without = rows.filter(({ kind }) => kind === null);
  expect(without, 'a claim without a record').toEqual([]);
  const odd = credit.filter((claim) => !made.includes(claim as never));
  expect(odd, 'a claim that its record does not make').toEqual([]);
  const lost = made.filter((claim) => !found.has(claim));
  expect(lost, 'a claim that is not kept').toEqual([]);
  const bare = nonces.filter((of) => !found.has(of));
  expect(bare, 'a nonce of nothing').toEqual([]);
}

/** What belongs together ends together; what was given up for good stays given up; a reserved coin can be freed. */
function ends({ homes, truth }: World, i: Who, c: Credit, all: readonly Credit[]): void {
  const own = c.state === 'cancelled' ? c.key : c.state === 'offered' ? c.offer.pubkey : pubkeyOf(c.terms, c.role);
  if (c.state === 'cancelled' && !c.lost && !homes[i].home.restored) truth.gone.add(`${i} ${own}`);
  else if (c.state !== 'cancelled')
    expect(truth.gone.has(`${i} ${own}`), `${own} was given up, and is ${c.state}`).toBe(false);
  const held = 'terms' in c && all.some((old) => heldKey(old) === c.terms.payee_pubkey);
  // A rollover's next contract: its coins are those of the rollover, which somebody must be able to end.
  if ((c.state === 'proposed' || c.state === 'open') && 'coins' in c && c.funding === null && c.coins.length > 0)
    expect(held, `${c.id} '${c.state}' reserves coins, and belongs to no rollover`).toBe(true);
  if (c.state === 'proposed' && c.funding === null) expect(held, `${c.id} is proposed by no rollover`).toBe(true);
}

/** No debt is forgotten or counted twice, and what a party holds is good for it. */
function owes(
  { homes, truth, chain }: World,
  i: Who,
  c: FundedCredit,
  l: Awaited<ReturnType<TestParty['ledger']>>,
): void {
  const { terms, id } = c;
  if (c.role === 'payer') {
    most(truth.signed, id, c.signedMaxSat);
    expect(isGood(refund(c), c.refund, keysOf(terms).script), 'the refund').toBe(true);
    const came = truth.cutShort.has(i) ? truth.paidOver(id) : truth.arrivedSat();
    expect(total(l.arrived), 'what came as ecash').toBeLessThanOrEqual(came);
    const awaited = new Set(l.awaited.map((a) => `${a.keyset}/${a.counter}`));
    expect(awaited.size, 'awaited once').toBe(l.awaited.length);
    if (c.owedSat === null) return;
    expect(c.signedMaxSat <= c.owedSat && c.owedSat <= maxPaid(terms), 'signed ≤ owed ≤ capacity').toBe(true);
    if (!truth.hasForgotten(i)) expect(c.owedSat, 'a debt forgotten').toBeGreaterThanOrEqual(truth.owedOver(id));
    expect(c.invoicesSat, 'a debt counted twice').toBeLessThanOrEqual(truth.owedOver(id));
    return;
  }
  if (!homes[i].home.restored && !chain.isSpent(id))
    expect(c.paidSat, `${id}: a payment forgotten`).toBeGreaterThanOrEqual(truth.paidOver(id));
  expect(l.issuedSat, 'more ecash than was paid').toBeLessThanOrEqual(c.paidSat);
  if (c.terms.ecash !== 'none') expect(l.paidSat, 'what the ledger knows as paid').toBe(c.paidSat);
  expect(c.exit === null).toBe(c.paidSat === 0n);
  if (c.exit === null) return;
  const template = update(c, c.paidSat);
  expect(isGood(template, c.exit, keysOf(terms).script), 'the exit').toBe(true);
  const pays = sumSat(template.outputs.filter((o) => o.script === payoutScript(terms, 'payee')));
  expect(pays).toBeGreaterThanOrEqual(c.paidSat);
}

/** What was found good, by its sighash and bytes: the same one is met after each command. */
const good = new Set<string>();

/** Is it that transaction, signed by the key of what it spends? */
function isGood(template: Template, hex: string, script: string): boolean {
  const sighash = taprootSighash(template, 0);
  const name = `${bytesToHex(sighash)} ${hex} ${script}`;
  if (good.has(name)) return true;
  const { inputs, witnesses } = parseTransaction(hex);
  const [signature] = witnesses![0]!;
  const spends = outpointText({ txid: bytesToHex(inputs[0]!.txid!), vout: inputs[0]!.index! });
  const is = spends === outpointText(template.inputs[0]!) && verifies(bytesToHex(signature!), sighash, script.slice(4));
  if (is) good.add(name);
  return is;
}
