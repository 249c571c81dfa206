/** Flags of credit contracts: fees, issuer, policy, programs outside. */
import type { Network } from '../../lib/bitcoin/network.ts';
import { feeFlags, keyFlags } from '../../lib/cli/contract-flags.ts';
import { camelName, countFlag, inGroup, satFlag, textFlag, type Values } from '../../lib/cli/flags.ts';
import { feerateInput, choiceInput, step, textInput, switchInput } from '../../lib/cli/step-flags.ts';
import { ISSUERS, type Policy } from '../../lib/credit/terms.ts';

export const uncheckedFlag = {
  unchecked: switchInput(
    'Payee: go on without a height, or a node that has seen the funding: may lose all that is paid',
  ),
};

const ecash = 'ECASH';
/** Flags of a payee that offers a contract, about the ecash that payments may become. */
export const issuerFlags = {
  ecash: choiceInput(ISSUERS, 'Payee: who issues ecash for what is paid (default none)', ecash),
  mint: textInput('Payee: URL of the mint behind the contract; needed for --ecash cdk', 'URL', ecash),
};
/** Flags for programs outside, for a payee whose mint is not in its home. */
export const programFlags = inGroup(ecash, {
  signer: textFlag('Payee: program that signs blinded outputs, JSON in and out, for --ecash signer', 'COMMAND'),
  notify: textFlag('Payee: program that is told what a contract was paid in total, for --ecash notify', 'COMMAND'),
});

const count = (summary: string) => countFlag(summary, [1, 1_000_000], { helpValue: 'N', helpGroup: 'POLICY' });
/** Flags of the payee's policy, one for each bound. */
export const policyFlags = {
  'min-amount': satFlag('Smallest contract (default 10000)', 'POLICY'),
  'max-amount': satFlag('Largest contract (default 100000000)', 'POLICY'),
  'min-blocks': count('Shortest term in blocks (default 1008)'),
  'max-blocks': count('Longest term in blocks (default 52560)'),
  'exit-feerate': countFlag('Fee rate of exit and refund in sat/vB (default 2)', [1, 1000], {
    helpValue: 'SAT/VB',
    helpGroup: 'POLICY',
  }),
  'min-conf': count('Confirmations of the funding before the first payment (default 3, on regtest 1)'),
  freeze: count('Blocks before expiry at which payments end (default 288)'),
  margin: count('Blocks before expiry at which the payee exits (default 144)'),
};
/** Time for which an offer stands, and its answer without a coin. */
export const offerFlag = {
  'offer-expiry': step(
    countFlag(
      'Hours after which an offer ends that nobody has answered, and then an opening that nobody has funded (default 24)',
      [1, 8_760],
      { helpValue: 'HOURS', helpGroup: 'POLICY' },
    ),
    (hours) => hours * 3_600,
  ),
};
/** Flags for the offer of a server to anybody. */
export const standingFlags = { ...policyFlags, ...offerFlag };
type PolicyValues = Partial<Values<typeof policyFlags>>;

/** Returns the policy if one of its flags was given; the other fields take their defaults. */
export async function policyFrom(values: PolicyValues, network: Network): Promise<Policy | undefined> {
  const { checkPolicy, defaultPolicy } = await import('../../lib/credit/terms.ts');
  const given = Object.keys(policyFlags).some((name) => values[camelName(name) as keyof PolicyValues] !== undefined);
  if (!given) return undefined;
  const standard = defaultPolicy(network);
  return checkPolicy({
    min_amount_sat: values.minAmount ?? standard.min_amount_sat,
    max_amount_sat: values.maxAmount ?? standard.max_amount_sat,
    min_blocks: values.minBlocks ?? standard.min_blocks,
    max_blocks: values.maxBlocks ?? standard.max_blocks,
    exit_feerate: values.exitFeerate ?? standard.exit_feerate,
    min_conf: values.minConf ?? standard.min_conf,
    freeze_blocks: values.freeze ?? standard.freeze_blocks,
    margin_blocks: values.margin ?? standard.margin_blocks,
  });
}

/** Flags for the terms of an opening or a rollover, besides its amount and funding. */
export const termsFlags = {
  ...keyFlags,
  ...feeFlags,
  'max-exit-feerate': feerateInput('Payer: the most that exit and refund may cost (default 50)'),
  ...issuerFlags,
  ...policyFlags,
  ...offerFlag,
  ...uncheckedFlag,
};
