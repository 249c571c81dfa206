/** The flags of contract commands, and what they mean as a row's input: files are read here, never in a step. */
import * as Flags from '@oclif/core/flags';
import type { Expiry } from '../bitcoin/locktime.ts';
import type { Network } from '../bitcoin/network.ts';
import type { Spent } from '../bitcoin/transaction.ts';
import type { Policy } from '../credit/terms.ts';
import { ISSUERS, type Issuer } from '../credit/issuer.ts';
import { Refusal } from '../protocol/refusal.ts';
import { chainFlags, feerateFlag, homeFlags, satFlag } from './flags.ts';
import { readInput } from './input.ts';

const action = 'ACTION';

/** Flags of every contract command. */
export const contractFlags = {
  ...homeFlags,
  ...chainFlags,
  merge: Flags.string({
    summary: 'A PSBT that another wallet has signed, on the same stdin as before; may be given twice',
    helpValue: 'FILE',
    multiple: true,
    multipleNonGreedy: true,
    helpGroup: action,
  }),
  psbt: Flags.string({
    summary: 'Print only this PSBT of the result, for another wallet',
    helpValue: 'NAME',
    helpGroup: action,
  }),
  contract: Flags.string({
    summary: 'Id of the contract, or at least its first 8 digits: for a start, --cancel or --again',
    helpValue: 'ID',
    helpGroup: action,
  }),
  cancel: Flags.boolean({
    summary: 'Give the action up, where that is still safe: by a message of either party, or by --contract ID',
    helpGroup: action,
  }),
  again: Flags.boolean({
    summary: 'Print once more what this action has printed last over --contract ID',
    dependsOn: ['contract'],
    exclusive: ['cancel', 'batch', 'merge'],
    helpGroup: action,
  }),
  batch: Flags.boolean({ summary: 'Read and write one message a line (NDJSON)', helpGroup: action }),
  'request-id': Flags.string({
    summary: 'Repeat the start that was given this name, instead of starting anew',
    helpValue: 'TEXT',
    helpGroup: action,
  }),
};
export const contractFlag = { contract: contractFlags.contract };
export const feeFlags = {
  feerate: feerateFlag({ summary: "Fee rate; otherwise the node's estimate, else 2", helpGroup: 'FEES' }),
  'allow-fee': Flags.boolean({ summary: 'Allow a fee above a tenth of the inputs', helpGroup: 'FEES' }),
};
export const keyFlags = {
  'own-key': Flags.string({
    summary: 'Public key of another wallet that signs for this party (33 bytes, hex)',
    helpValue: 'PUBKEY',
    helpGroup: 'KEYS',
  }),
  payout: Flags.string({
    summary: "Address to be paid to (default: a fresh one of the home's)",
    helpValue: 'ADDRESS',
    helpGroup: 'KEYS',
  }),
};
export const fundingFlags = {
  expires: Flags.string({
    summary: 'When the refund becomes valid: a height, blocks from now, or a date (144 blocks a day)',
    helpValue: 'HEIGHT|+BLOCKS|DATE',
    helpGroup: 'FUNDING',
  }),
  utxo: Flags.string({
    summary: "Coins to take from, in the shape of Bitcoin Core's listunspent",
    helpValue: 'FILE',
    helpGroup: 'FUNDING',
  }),
  change: Flags.string({
    summary: "Address for the change (default: a fresh one of the home's)",
    helpValue: 'ADDRESS',
    helpGroup: 'FUNDING',
  }),
};

/** Bounds of the payer of a credit contract on an offer. */
export const exitFeeFlag = {
  'max-exit-feerate': feerateFlag({
    summary: 'Payer: the most that exit and refund may cost (default 50)',
    helpGroup: 'FEES',
  }),
};
export const uncheckedFlag = {
  unchecked: Flags.boolean({
    summary: 'Payee: go on without a height, or a node that has seen the funding: may lose all that is paid',
    helpGroup: action,
  }),
};

const ecash = 'ECASH';
/** Statements of a payee about the ecash that payments may become, when it offers a contract. */
export const issuerFlags = {
  ecash: Flags.option({ options: ISSUERS })({
    summary: 'Payee: who issues ecash for what is paid (default none)',
    helpGroup: ecash,
  }),
  mint: Flags.string({
    summary: 'Payee: URL of the mint behind the contract; needed for --ecash cdk',
    helpValue: 'URL',
    helpGroup: ecash,
  }),
};
/** Programs outside, for a payee whose mint is not in its home. */
export const programFlags = {
  signer: Flags.string({
    summary: 'Payee: program that signs blinded outputs, JSON in and out, for --ecash signer',
    helpValue: 'COMMAND',
    helpGroup: ecash,
  }),
  notify: Flags.string({
    summary: 'Payee: program that is told what a contract was paid in total, for --ecash notify',
    helpValue: 'COMMAND',
    helpGroup: ecash,
  }),
};

const count = (summary: string) =>
  Flags.integer({ summary, helpValue: 'N', min: 1, max: 1_000_000, helpGroup: 'POLICY' });
/** The payee's policy, a flag for each bound. */
export const policyFlags = {
  'min-amount': satFlag({ summary: 'Smallest contract (default 10000)', helpGroup: 'POLICY' }),
  'max-amount': satFlag({ summary: 'Largest contract (default 100000000)', helpGroup: 'POLICY' }),
  'min-blocks': count('Shortest term in blocks (default 1008)'),
  'max-blocks': count('Longest term in blocks (default 52560)'),
  'exit-feerate': Flags.integer({
    summary: 'Fee rate of exit and refund in sat/vB (default 2)',
    helpValue: 'SAT/VB',
    min: 1,
    max: 1000,
    helpGroup: 'POLICY',
  }),
  'min-conf': count('Confirmations of the funding before the first payment (default 3, on regtest 1)'),
  freeze: count('Blocks before expiry at which payments end (default 288)'),
  margin: count('Blocks before expiry at which the payee exits (default 144)'),
};
/** Time for which an offer stands, and its answer without a coin. */
export const offerFlag = {
  'offer-expiry': Flags.integer({
    summary:
      'Hours after which an offer ends that nobody has answered, and then an opening that nobody has funded (default 24)',
    helpValue: 'HOURS',
    min: 1,
    max: 8_760,
    helpGroup: 'POLICY',
  }),
};
/** Offer of a server to whoever asks. */
export const standingFlags = { ...policyFlags, ...offerFlag };
export type PolicyValues = {
  [K in keyof typeof policyFlags]?: (K extends 'min-amount' | 'max-amount' ? bigint : number) | undefined;
};

/** The policy where a flag of it was given: whatever is not said is as by default. */
export async function policyFrom(values: PolicyValues, network: Network): Promise<Policy | undefined> {
  const { checkPolicy, defaultPolicy } = await import('../credit/terms.ts');
  const given = Object.keys(policyFlags).some((name) => values[name as keyof PolicyValues] !== undefined);
  if (!given) return undefined;
  const standard = defaultPolicy(network);
  return checkPolicy({
    min_amount_sat: values['min-amount'] ?? standard.min_amount_sat,
    max_amount_sat: values['max-amount'] ?? standard.max_amount_sat,
    min_blocks: values['min-blocks'] ?? standard.min_blocks,
    max_blocks: values['max-blocks'] ?? standard.max_blocks,
    exit_feerate: values['exit-feerate'] ?? standard.exit_feerate,
    min_conf: values['min-conf'] ?? standard.min_conf,
    freeze_blocks: values.freeze ?? standard.freeze_blocks,
    margin_blocks: values.margin ?? standard.margin_blocks,
  });
}

export async function expiryFrom(text: string | undefined): Promise<Expiry | undefined> {
  if (text === undefined) return undefined;
  const { parseExpiry } = await import('../bitcoin/locktime.ts');
  const expiry = parseExpiry(text);
  if (!expiry)
    throw new Refusal(
      'usage',
      `--expires ${JSON.stringify(text.slice(0, 30))} found, a height, +BLOCKS or YYYY-MM-DD expected`,
    );
  return expiry;
}

/** Coins from a file. @throws Refusal `no-input`, `malformed-coins`, `malformed-json` */
export async function coinsFrom(file: string | undefined): Promise<readonly Spent[] | undefined> {
  if (file === undefined) return undefined;
  const [{ parseCoins }, { parseJson }, { utf8 }] = await Promise.all([
    import('../bitcoin/coins.ts'),
    import('../protocol/json.ts'),
    import('../engine/sniff.ts'),
  ]);
  return parseCoins(parseJson(utf8(await readInput(file, 64_000_000))));
}

/** A PSBT from a file, in any encoding or inside the JSON of `walletcreatefundedpsbt` and `walletprocesspsbt`, as base64. */
export async function psbtFrom(file: string): Promise<string> {
  const { sniff } = await import('../engine/sniff.ts');
  const input = sniff(await readInput(file));
  if (input.form === 'psbt') return Buffer.from(input.bytes).toString('base64');
  if (input.form === 'json') {
    const { parseJson } = await import('../protocol/json.ts');
    const found = (parseJson(input.text) as { psbt?: unknown } | null)?.psbt;
    if (typeof found === 'string') return found;
  }
  throw new Refusal('malformed-psbt', `${file}: a PSBT expected`);
}

/** @throws Refusal `usage` */
function ownKeyFrom(text: string | undefined): string | undefined {
  if (text !== undefined && !/^0[23][0-9a-f]{64}$/.test(text))
    throw new Refusal('usage', '--own-key: a compressed public key (33 bytes in lowercase hex) expected');
  return text;
}

interface TermsValues extends PolicyValues {
  ecash?: Issuer | undefined;
  mint?: string | undefined;
  amount?: bigint | undefined;
  expires?: string | undefined;
  utxo?: string | undefined;
  change?: string | undefined;
  'own-key'?: string | undefined;
  payout?: string | undefined;
  'allow-fee'?: boolean;
  'max-exit-feerate'?: number | undefined;
  'offer-expiry'?: number | undefined;
  unchecked?: boolean;
}

/** Policy, and seconds for which an offer stands. */
export const offerFrom = async (flags: PolicyValues & { 'offer-expiry'?: number | undefined }, network: Network) => ({
  policy: await policyFrom(flags, network),
  offerExpiry: flags['offer-expiry'] === undefined ? undefined : flags['offer-expiry'] * 3_600,
});

/** Returns both parties' terms by their flags, for an opening or a rollover. */
export const termsInput = async (flags: TermsValues, network: Network) => ({
  ...(await offerFrom(flags, network)),
  ecash: flags.ecash,
  mint: flags.mint,
  amount: flags.amount,
  expires: await expiryFrom(flags.expires),
  utxo: await coinsFrom(flags.utxo),
  ownKey: ownKeyFrom(flags['own-key']),
  payout: flags.payout,
  change: flags.change,
  allowFee: flags['allow-fee'] || undefined,
  maxExitFeerate: flags['max-exit-feerate'],
  unchecked: flags.unchecked || undefined,
});
