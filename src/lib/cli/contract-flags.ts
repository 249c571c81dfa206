/** Flags of contract commands of every family. Files are read here, never in a step. */
import type { Expiry } from '../bitcoin/locktime.ts';
import type { Spent } from '../bitcoin/transaction.ts';
import { Refusal } from '../protocol/refusal.ts';
import { chainFlags, feerateFlag, homeFlags, inGroup, repeated, switchFlag, textFlag } from './flags.ts';
import { readInput } from './input.ts';
import { contractNamed } from './named.ts';
import { step, textInput, switchInput } from './step-flags.ts';

const action = 'ACTION';

const CONTRACT = 'Id of the contract, or at least its first 8 digits';

/** Flags of every contract command. */
export const contractFlags = {
  ...homeFlags,
  ...chainFlags,
  ...inGroup(action, {
    merge: textFlag(
      'A PSBT that another wallet has signed, on the same stdin as before; may be given twice',
      'FILE',
      repeated,
    ),
    psbt: textFlag('Print only this PSBT of the result, for another wallet', 'NAME'),
    contract: textFlag(`${CONTRACT}: for --cancel or --again`, 'ID'),
    cancel: switchFlag(
      'Give the action up, where that is still safe: by a message of either party, or by --contract ID',
    ),
    again: switchFlag('Print once more what this action has printed last over --contract ID', {
      dependsOn: ['contract'],
      exclusive: ['cancel', 'batch', 'merge'],
    }),
    batch: switchFlag('Read and write one message a line (NDJSON)'),
    'request-id': textFlag('Repeat the start that was given this name, instead of starting anew', 'TEXT'),
  }),
};
/** Names a contract whose records a command reads. */
export const contractFlag = { contract: { ...contractFlags.contract, summary: CONTRACT } };
/** Contract that an action begins over. */
export const overBy = (summary: string) =>
  step(textFlag(summary, 'ID', action), async (prefix, home) => (await contractNamed(home, prefix))!);
/** Contract of an action with a single step, which nothing cancels or repeats. */
export const overOnce = { contract: overBy(CONTRACT) };
export const overFlag = { contract: overBy(`${CONTRACT}: for a start, --cancel or --again`) };
/** Help of `--allow-fee`, also where it is no step's input. */
export const ALLOW_FEE = ['Allow a fee above a tenth of the inputs', 'FEES'] as const;
export const feeFlags = {
  feerate: feerateFlag("Fee rate; otherwise the node's estimate, else 2", 'FEES'),
  'allow-fee': switchInput(...ALLOW_FEE),
};
export const keyFlags = {
  'own-key': step(
    textFlag('Public key of another wallet that signs for this party (33 bytes, hex)', 'PUBKEY', 'KEYS'),
    ownKeyFrom,
  ),
  payout: textInput("Address to be paid to (default: a fresh one of the home's)", 'ADDRESS', 'KEYS'),
};
export const fundingFlags = {
  expires: step(
    textFlag(
      'When the refund becomes valid: a height, blocks from now, or a date (144 blocks a day)',
      'HEIGHT|+BLOCKS|DATE',
      'FUNDING',
    ),
    expiryFrom,
  ),
  utxo: step(textFlag("Coins to take from, in the shape of Bitcoin Core's listunspent", 'FILE', 'FUNDING'), coinsFrom),
  change: textInput("Address for the change (default: a fresh one of the home's)", 'ADDRESS', 'FUNDING'),
};
/** Unsigned PSBT by which another wallet pays. @param what is funded */
export const fundedBy = (what: string) =>
  step(
    textFlag(
      `The unsigned PSBT by which another wallet funds the ${what}, on the 'addressed' message`,
      'FILE',
      'FUNDING',
    ),
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

/** Reads a PSBT in any encoding, or in Bitcoin Core's wallet JSON, and returns it in base64. */
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
