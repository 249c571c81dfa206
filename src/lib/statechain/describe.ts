/**
 * Description of a statecoin message in words, and checks of its transactions against its own
 * terms. Needs no home: what only a home knows (its own record, the operator that it trusts) is not
 * checked here. Sealed fields are not shown.
 */
import { knownNetwork } from '../bitcoin/network.ts';
import { readSame } from '../bitcoin/psbt.ts';
import { txidOf, type Template } from '../bitcoin/transaction.ts';
import { Refusal } from '../protocol/refusal.ts';
import { attempt, sealedBy, type Check, type Description, type Fact } from '../signing/description.ts';
import { checkHistory } from './history.ts';
import { isSignedBy, type PublicRecord } from './statements.ts';
import { confirmBefore, locktimeAt, readCoin, type Coin } from './terms.ts';
import { backup, withdraw } from './transactions.ts';

/** @param m a message whose form was checked by its table, its amounts as bigint */
export function describeStatechain(m: Readonly<Record<string, any>>): Description {
  const facts: Fact[] = [];
  const checks: Check[] = [];
  if (m['offer']) {
    const { operator, pubkey, policy } = m['offer'];
    facts.push(['operator offers', `share ${pubkey}, its own key ${operator}`]);
    facts.push([
      'policy',
      `${policy.min_amount_sat} to ${policy.max_amount_sat} sat, first backup after ${policy.initial_blocks} blocks, ${policy.step_blocks} a step, margin ${policy.margin_blocks}, at least ${policy.min_remaining_blocks} left at a transfer`,
    ]);
  }
  let coin: Coin | undefined;
  const view = m['coin'] ?? m['record']?.coin;
  if (view) {
    facts.push(['coin', `${view.id}, ${view.amount_sat} sat at ${view.outpoint.txid}:${view.outpoint.vout}`]);
    facts.push(['operator', view.operator]);
    facts.push([
      'first backup',
      `valid from block ${view.locktime + 1}, ${view.step_blocks} blocks earlier for each owner`,
    ]);
    const id = attempt('coin id', () => {
      coin = readCoin(view, knownNetwork(m['network']), 'sender');
      return 'id, address and descriptor follow from the terms';
    });
    checks.push(id);
  }
  if (m['invite']) facts.push(['receiver', `key ${m['invite'].pubkey}, backup to ${m['invite'].address}`]);
  if (m['opening']) facts.push(['opening', `new share ${m['opening'].operator_pubkey}`]);
  if (m['address'] && m['fee_sat'] !== undefined)
    facts.push(['withdrawal', `to ${m['address']}, fee ${m['fee_sat']} sat`]);
  if (m['receipt']) facts.push(['receipt', m['receipt'].text]);
  if (coin) transactionFacts(m, coin, { facts, checks });
  const record = m['record'] as PublicRecord | undefined;
  if (coin && record) {
    facts.push([
      'record',
      `${record.state}, ${record.entries.length} owners, ${record.count} signatures, at height ${record.height}`,
    ]);
    checks.push(
      isSignedBy('record', record, coin.terms.operator)
        ? ['record', 'signed by the operator']
        : ['record', 'no: not signed', 'bad-record'],
    );
    if (m['backups']) {
      const found = checkHistory({ coin, record, backups: m['backups'] }, coin.terms.operator);
      checks.push(
        found[0] ? ['history', `no: ${found.map((f) => f.text).join('; ')}`, found[0].code] : ['history', 'whole'],
      );
    }
  }
  if (view && typeof m['auth'] === 'string') {
    const seal = sealedBy(m, keysIn(m, view));
    const unnamed = seal[2] !== undefined && record === undefined && BY_ANY_OWNER.has(m['step']);
    checks.push(unnamed ? ['seal', 'by nobody whom the message names; later owners are known to the operator'] : seal);
  }
  return { facts, checks };
}

function transactionFacts(m: Readonly<Record<string, any>>, coin: Coin, { facts, checks }: Description): void {
  const check = (role: 'withdraw' | 'backup', made: () => Template, what: string): void => {
    const psbt = m['psbt']?.[role];
    if (psbt) checks.push(attempt(`psbt.${role}`, () => (readSame(made(), psbt, 'sender'), what)));
  };
  check('withdraw', () => withdraw(coin, m['address'], m['fee_sat']), 'what the message states');
  check('backup', () => backupIn(m, coin, facts), 'the backup that the terms give');
}

/** The backup that the terms give. @throws Refusal `locktime-step`, `malformed-address` */
function backupIn(m: Readonly<Record<string, any>>, coin: Coin, facts: Fact[]): Template {
  // Before the move the operator's record is not with the message: the PSBT says which locktime it has.
  const owners = m['record'] ? m['record'].entries.length : m['expected_count'] + (m['m2'] === null ? 0 : 1);
  const position = m['invite'] ? owners - 1 : 0;
  const address = m['invite'] ? m['invite'].address : coin.terms.owner_address;
  const locktime = locktimeAt(coin.terms, position);
  if (locktime < 0)
    throw new Refusal('locktime-step', `owner ${position} found, for whom no height is left: ${locktime}`);
  const template = backup(coin, { address, locktime });
  const before = confirmBefore(coin.terms, position);
  const bound = before === null ? '' : `, to be confirmed before ${before}`;
  facts.push(['backup', `${txidOf(template)}, valid from block ${locktime + 1}${bound}`]);
  return template;
}

/** Steps that any owner takes; without a record the message names the first owner only. */
const BY_ANY_OWNER = new Set(['offered', 'sent', 'paid', 'kept', 'requested', 'complete']);

/** Keys by which a message may be sealed; of two that are the same, the later name counts. */
const keysIn = (m: Readonly<Record<string, any>>, view: { operator: string; owner_auth: string }) => ({
  operator: view.operator,
  'first owner': view.owner_auth,
  ...(m['invite'] && { receiver: m['invite'].auth as string }),
  ...(m['record'] && { owner: m['record'].entries.at(-1).owner_auth as string }),
});
