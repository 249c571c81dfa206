/**
 * Description of a credit message in words, and checks of its transactions against its own terms.
 * Needs no home: whoever has the message can check it. What only a home knows (its own record) is
 * not checked here.
 */
import { readSame } from '../bitcoin/psbt.ts';
import { feeOf, txidOf, type Template } from '../bitcoin/transaction.ts';
import { knownNetwork } from '../bitcoin/network.ts';
import { attempt, sealedBy, type Check, type Description, type Fact } from '../signing/description.ts';
import { deadlineHeight, freezeHeight } from './checks.ts';
import { readContract, type Contract, type ContractView } from './terms.ts';
import { close, refund, refundFee, rollover, update } from './transactions.ts';

const sats = (n: bigint | number): string => `${n} sat`;

/** @param m a message whose form was checked by its table, its amounts as bigint */
export function describeCredit(m: Readonly<Record<string, any>>): Description {
  const facts: Fact[] = [];
  const checks: Check[] = [];
  const contract = m['contract'] ? contractFacts('contract', m['contract'], m['network'], facts, checks) : undefined;
  if (m['offer']) {
    const { address, pubkey, policy } = m['offer'];
    facts.push(['payee offers', `key ${pubkey}, paid to ${address}`]);
    if (m['offer'].ecash !== 'none') facts.push(['ecash', `issued by '${m['offer'].ecash}'`]);
    if (m['offer'].mint_url) facts.push(['mint', m['offer'].mint_url]);
    facts.push([
      'policy',
      `${sats(policy.min_amount_sat)} to ${sats(policy.max_amount_sat)}, ${policy.min_blocks} to ${policy.max_blocks} blocks, exit at ${policy.exit_feerate} sat/vB, ${policy.min_conf} confirmations, updates end ${policy.freeze_blocks} and the exit begins ${policy.margin_blocks} blocks before expiry`,
    ]);
  }
  if (m['step'] === 'addressed')
    facts.push([
      'to be funded',
      `${sats(m['terms'].capacity_sat)} to ${m['address']} (do not pay before the refund is stored)`,
    ]);
  facts.push(...ecashFacts(m));
  for (const [name, label] of AMOUNTS) if (m[name] !== undefined) facts.push([label, sats(m[name])]);
  const next = m['next_contract']
    ? contractFacts('next contract', m['next_contract'], m['network'], facts, checks)
    : undefined;
  if (m['top_ups'])
    facts.push([
      'inputs added',
      m['top_ups'].map((c: any) => `${c.txid}:${c.vout} (${sats(c.amount_sat)})`).join(', ') || 'none',
    ]);
  if (m['change']) facts.push(['change', `${sats(m['change'].amount_sat)} to ${m['change'].address}`]);
  if (contract) {
    const templates = transactionsOf(m, contract, next);
    for (const [role, template] of Object.entries(templates)) {
      facts.push([
        `${role} transaction`,
        `${txidOf(template)}, fee ${sats(feeOf(template))}${template.locktime ? `, valid from block ${template.locktime + 1}` : ''}`,
      ]);
      if (m['psbt']?.[role])
        checks.push(
          attempt(
            `psbt.${role}`,
            () => (readSame(template, m['psbt'][role], 'sender'), 'the transaction that the terms give'),
          ),
        );
    }
    checks.push(sealedBy(m, { payer: contract.terms.payer_auth, payee: contract.terms.payee_auth }));
  }
  return { facts, checks };
}

const AMOUNTS = [
  ['previous_paid_sat', 'paid before'],
  ['amount_sat', 'amount'],
  ['paid_sat', 'paid in all'],
  ['owed_sat', 'owed in all'],
  ['fee_sat', 'fee'],
] as const;

/** Returns the facts about a request and its ecash. A token is mentioned and never shown. */
function ecashFacts(m: Readonly<Record<string, any>>): Fact[] {
  const facts: Fact[] = [];
  const { asked, ecash, outputs, found } = m;
  if (typeof asked === 'object' && asked !== null)
    facts.push([
      'asked for',
      `${asked.id}, until ${new Date(asked.until * 1000).toISOString()}${asked.quote ? `, for quote ${asked.quote}` : ''}`,
    ]);
  if (ecash?.keyset) facts.push(['ecash', `of keyset ${ecash.keyset.id}`]);
  if (ecash?.outputs)
    facts.push(['ecash wanted', `${ecash.outputs.length} blinded outputs of keyset ${ecash.keyset_id}`]);
  if (ecash?.promises)
    facts.push(['ecash signed', `${ecash.promises.length} blind signatures of keyset ${ecash.keyset_id}`]);
  if (m['quote'] !== undefined) facts.push(['quote', `${m['quote']} of the mint at ${m['mint']}`]);
  if (m['invoices']) facts.push(['invoices paid, not settled', String(m['invoices'].length)]);
  if (outputs) facts.push(['looks for', `${outputs.length} blinded outputs of keyset ${m['keyset_id']}`]);
  if (found) facts.push(['found', `${found.length} of them were signed`]);
  if (m['token'] !== undefined) facts.push(['token', m['token'] === null ? 'none' : 'money, not shown']);
  return facts;
}

function contractFacts(
  label: string,
  view: ContractView,
  network: string,
  facts: Fact[],
  checks: Check[],
): Contract | undefined {
  facts.push([label, view.id]);
  facts.push(['payer', `key ${view.payer_pubkey}, remainder to ${view.payer_address}`]);
  facts.push(['payee', `key ${view.payee_pubkey}, paid to ${view.payee_address}`]);
  facts.push([
    'capacity',
    `${sats(view.capacity_sat)} at ${view.outpoint.txid}:${view.outpoint.vout}, ${view.address}`,
  ]);
  const terms = { ...view, network } as unknown as Contract['terms'];
  if (view.ecash !== 'none') facts.push(['ecash', `issued by '${view.ecash}', locked to key ${view.ecash_pubkey}`]);
  if (view.mint_url) facts.push(['mint', view.mint_url]);
  facts.push([
    'expiry',
    `${view.expiry}: refund valid from block ${view.expiry + 1}; updates end at ${freezeHeight(terms)}, the payee exits by ${deadlineHeight(terms)}`,
  ]);
  let contract: Contract | undefined;
  checks.push(
    attempt(`${label} id`, () => {
      contract = readContract(view, knownNetwork(network), 'sender');
      facts.push(['refund fee', sats(refundFee(contract.terms))]);
      return 'id, address and descriptor follow from the terms';
    }),
  );
  return contract;
}

/** Builds the transactions of a message from its stated fields. */
function transactionsOf(
  m: Readonly<Record<string, any>>,
  contract: Contract,
  next: Contract | undefined,
): Record<string, Template> {
  switch (m['type']) {
    case 'open-credit':
      return { refund: refund(contract) };
    case 'sign-update':
      return m['paid_sat'] === undefined ? {} : { update: update(contract, m['paid_sat']) };
    case 'close-credit':
      return { close: close(contract, m['paid_sat'], m['fee_sat']) };
    case 'rollover': {
      if (!next) return {};
      const topUps = m['top_ups'].map(({ amount_sat, ...c }: any) => ({ ...c, sat: amount_sat }));
      const change = m['change'] && { address: m['change'].address, sat: m['change'].amount_sat };
      return {
        refund: refund(next),
        rollover: rollover(contract, { paidSat: m['paid_sat'], topUps, change }, next.terms),
      };
    }
    default:
      return {};
  }
}
