/**
 * --cancel of what this home does not know, or of what belongs to another action: a refusal, in every action of every family,
 * and nothing is changed.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshKey } from '../../src/commands/htlc/home.ts';
import { closeCredit, exitCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { ecashRestore } from '../../src/lib/ecash/restore.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { defaultPolicy } from '../../src/lib/credit/terms.ts';
import { htlcCooperate } from '../../src/lib/htlc/cooperate.ts';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import { ecashQuote } from '../../src/lib/mint/bind.ts';
import { creditInvoice } from '../../src/lib/mint/settle.ts';
import type { Action, Claim } from '../../src/lib/protocol/action.ts';
import { hashClaim, idClaim, keyClaim } from '../../src/lib/protocol/claims.ts';
import { ERRORS } from '../../src/lib/protocol/refusal.ts';
import { exitStatechain } from '../../src/lib/statechain/exit.ts';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import { transferStatechain } from '../../src/lib/statechain/transfer.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { scenes as creditScenes } from '../credit/scenes.ts';
import { OFFER, scenes as htlcScenes, type Pair as HtlcPair } from '../htlc/scenes.ts';
import { outcome, withoutCommit } from '../support/attack.ts';
import { opened as openedCredit, pair, type Pair } from '../support/credit.ts';
import { TestParty, type Message, type RunOptions } from '../support/party.ts';
import {
  cast,
  opened,
  operatorKey,
  POLICY,
  transferMessages,
  withdrawMessages,
  type Cast,
} from '../support/statechain.ts';

type Table = Action<any, any, any>;
const TABLES: readonly Table[] = [
  openCredit,
  signUpdate,
  rollover,
  closeCredit,
  exitCredit,
  ecashRestore,
  ecashQuote,
  creditInvoice,
  openStatechain,
  transferStatechain,
  withdrawStatechain,
  exitStatechain,
  htlcSwap,
  htlcCooperate,
];

const said: [Table, Message][] = [];
let both: Pair;
let all: Cast;
let stranger: TestParty;

beforeAll(async () => {
  stranger = await TestParty.make(247);
  for (const [at, scene] of Object.values(creditScenes).entries()) {
    const two = await pair(40 + 2 * at);
    await scene(two, async (who, table, options) => heard(table, await two[who].run(table, options)));
    two.close();
  }
  both = await pair(110);
  const two: HtlcPair = { alice: both.payer, bob: both.payee, close: () => {} };
  for (const scene of Object.values(htlcScenes))
    await scene(two, async (who, table, options: RunOptions) => heard(table, await two[who].run(table, options)));
  all = await cast(130);
  const id = await opened(all);
  const moves = await transferMessages(all.operator, all.alice, all.bob, id);
  for (const message of moves) heard(transferStatechain, { message });
  for (const message of await withdrawMessages(all.operator, all.bob, id)) heard(withdrawStatechain, { message });
});
afterAll(() => [both, all, stranger].forEach((one) => one.close()));

function heard(table: Table, { message }: { message: Message }): Message {
  if (message['auth']) said.push([table, message]);
  return message;
}
const isNamed = (code: string | undefined): boolean => code !== undefined && code in ERRORS && code !== 'bug';

describe('a cancel', () => {
  it('by any message in a home that has no record of it is refused', async () => {
    expect(new Set(said.map(([{ type }, m]) => `${type} ${m['step']}`)).size).toBeGreaterThan(40);
    const wrong: string[] = [];
    for (const [table, on] of said) {
      const code = await outcome(withoutCommit(stranger).run(table, { on, cancel: true }));
      if (!isNamed(code)) wrong.push(`${table.type} ${on['step']}: ${code ?? 'taken'}`);
    }
    expect(wrong).toEqual([]);
  });

  it('of any record by another action than its own is refused', async () => {
    const { payee, payer } = both;
    const claims = new Map<string, [TestParty, Claim]>();
    const contract = await openedCredit(both);
    claims.set('an open contract', [payee, idClaim(contract)]);
    claims.set('an open contract of the payer', [payer, idClaim(contract)]);
    const offered = await payee.run(openCredit, { input: { as: 'payee', policy: defaultPolicy('regtest') } });
    claims.set('an offer', [payee, keyClaim(offered.message['offer'].pubkey)]);
    claims.set('a key', [payee, keyClaim((await freshKey(payee.home)).pubkey)]);
    const swap = await payee.run(htlcSwap, { input: OFFER });
    claims.set('a swap', [payee, hashClaim(swap.message['offer'].hash)]);
    const id = await opened(all, { amount: 500_000n });
    claims.set('a coin', [all.alice, idClaim(id)]);
    claims.set('a coin of the operator', [all.operator, idClaim(id)]);
    const coin = await all.operator.run(openStatechain, { input: { as: 'operator', policy: POLICY } });
    claims.set('an offer of a coin', [all.operator, keyClaim(coin.message['offer'].pubkey)]);
    const input = { as: 'receiver', operator: await operatorKey(all.operator) };
    const invited = await all.alice.run(transferStatechain, { input });
    claims.set('an invitation', [all.alice, keyClaim(invited.message['invite'].pubkey)]);
    const taken: string[] = [];
    const wrong: string[] = [];
    for (const [name, [party, over]] of claims)
      for (const table of TABLES) {
        const code = await outcome(withoutCommit(party).run(table, { over, cancel: true }));
        if (code === undefined) taken.push(`${table.type}: ${name}`);
        else if (!isNamed(code)) wrong.push(`${table.type}: ${name}: ${code}`);
      }
    expect(wrong).toEqual([]);
    expect(taken).toEqual([
      'open-credit: an open contract of the payer',
      'open-credit: an offer',
      'htlc-swap: a swap',
      'statechain-open: an offer of a coin',
      'statechain-transfer: an invitation',
    ]);
  });

  it('of a name that nothing has is refused', async () => {
    for (const table of TABLES)
      for (const over of [idClaim('ab'.repeat(32)), keyClaim(`02${'ab'.repeat(32)}`)]) {
        const code = await outcome(withoutCommit(stranger).run(table, { over, cancel: true }));
        expect(`${table.type}: ${code}`).toMatch(/: (unknown-contract|usage)$/);
      }
  });
});
