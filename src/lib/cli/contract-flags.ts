/** Flags of contract commands of every family. Files are read here, never in a step. */
import * as Flags from '@oclif/core/flags';
import type { Expiry } from '../bitcoin/locktime.ts';
import type { Spent } from '../bitcoin/transaction.ts';
import { Refusal } from '../protocol/refusal.ts';
import { chainFlags, feerateFlag, homeFlags } from './flags.ts';
import { readInput } from './input.ts';
import { contractNamed } from './named.ts';
import { step, text, yes } from './step-flags.ts';

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
/** Contract that an action begins over. */
export const overBy = (summary: string) =>
  step(
    Flags.string({ summary, helpValue: 'ID', helpGroup: action }),
    async (prefix, home) => (await contractNamed(home, prefix))!,
  );
export const overFlag = { contract: overBy(contractFlags.contract.summary!) };
/** Help of `--allow-fee`, also where it is no step's input. */
export const allowFee = { summary: 'Allow a fee above a tenth of the inputs', helpGroup: 'FEES' };
export const feeFlags = {
  feerate: feerateFlag({ summary: "Fee rate; otherwise the node's estimate, else 2", helpGroup: 'FEES' }),
  'allow-fee': yes(allowFee.summary, allowFee.helpGroup),
};
export const keyFlags = {
  'own-key': step(
    Flags.string({
      summary: 'Public key of another wallet that signs for this party (33 bytes, hex)',
      helpValue: 'PUBKEY',
      helpGroup: 'KEYS',
    }),
    ownKeyFrom,
  ),
  payout: text("Address to be paid to (default: a fresh one of the home's)", 'ADDRESS', 'KEYS'),
};
export const fundingFlags = {
  expires: step(
    Flags.string({
      summary: 'When the refund becomes valid: a height, blocks from now, or a date (144 blocks a day)',
      helpValue: 'HEIGHT|+BLOCKS|DATE',
      helpGroup: 'FUNDING',
    }),
    expiryFrom,
  ),
  utxo: step(
    Flags.string({
      summary: "Coins to take from, in the shape of Bitcoin Core's listunspent",
      helpValue: 'FILE',
      helpGroup: 'FUNDING',
    }),
    coinsFrom,
  ),
  change: text("Address for the change (default: a fresh one of the home's)", 'ADDRESS', 'FUNDING'),
};
/** Unsigned PSBT by which another wallet pays. @param what is funded */
export const fundedBy = (what: string) =>
  step(
    Flags.string({
      summary: `The unsigned PSBT by which another wallet funds the ${what}, on the 'addressed' message`,
      helpValue: 'FILE',
      helpGroup: 'FUNDING',
    }),
    psbtFrom,
  );

export async function expiryFrom(text: string): Promise<Expiry> {
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
export async function coinsFrom(file: string): Promise<readonly Spent[]> {
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
function ownKeyFrom(text: string): string {
  if (!/^0[23][0-9a-f]{64}$/.test(text))
    throw new Refusal('usage', '--own-key: a compressed public key (33 bytes in lowercase hex) expected');
  return text;
}
