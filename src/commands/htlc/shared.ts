/**
 * Inputs of the `htlc` commands: documents, keys, coins as TXID:VOUT:SAT. Also
 * the run of `htlc claim` and `htlc refund`.
 * Not here: the transactions (`htlc/`), homes (`home.ts`).
 */
import { scriptOf } from '../../lib/bitcoin/address.ts';
import { parseSat } from '../../lib/bitcoin/amount.ts';
import { outpointText, parseOutpoint } from '../../lib/bitcoin/outpoint.ts';
import { parseTransaction, txidOf, txidOfHex, type Spent } from '../../lib/bitcoin/transaction.ts';
import { bytesToHex, hexToBytes } from '../../lib/bitcoin/bytes.ts';
import { isRelative } from '../../lib/htlc/lock.ts';
import type { PathName } from '../../lib/htlc/scripts.ts';
import { carrier, finishSpend, merged, missing, ownerOf, signatureBy, type Known } from '../../lib/htlc/sign.ts';
import { spend, type Spend } from '../../lib/htlc/spend.ts';
import { checkPreimage, type Htlc } from '../../lib/htlc/terms.ts';
import { htlcEntries, readHtlc } from '../../lib/htlc/view.ts';
import { Fields } from '../../lib/protocol/document.ts';
import type { Hex } from '../../lib/protocol/action.ts';
import { checkCoins } from '../../lib/bitcoin/coin-checks.ts';
import { parseJson, type Json } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import type { Home } from '../../lib/home/home.ts';
import { factsFor } from '../../lib/cli/chain.ts';
import { feeFlags, psbtFrom } from '../../lib/cli/contract-flags.ts';
import { chainFlags, homeFlags, inGroup, repeated, switchFlag, textFlag, type Values } from '../../lib/cli/flags.ts';
import { withOwnHome } from '../../lib/cli/home.ts';
import { readInput, TRANSACTION_LIMIT } from '../../lib/cli/input.ts';
import { note } from '../../lib/engine/log.ts';
import { secretFlags, readHex, readKey } from '../../lib/cli/secrets.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import { packageText, quoteText, type packageFlags } from '../../lib/cli/package-flags.ts';
import { runStateless } from '../../lib/cli/stateless.ts';
import { refundExit, refundWay } from '../../lib/htlc/ways.ts';
import { payoutFor, preimageFor, secretBehind } from './home.ts';

const group = 'SPEND';

export const spendFlags = {
  ...inGroup(group, {
    utxo: textFlag('The coin that is spent', 'TXID:VOUT:SAT', { required: true }),
    to: textFlag("Address to be paid to (default: a fresh one of the home's)", 'ADDRESS'),
    prev: textFlag(
      'The transaction that made the coin, in hex: proves its amount, and other signers of p2sh need it',
      'FILE',
    ),
    merge: textFlag('The PSBT that this command printed, signed elsewhere; may be given twice', 'FILE', repeated),
  }),
  ...secretFlags('key', 'The secret key that signs', group),
  feerate: feeFlags.feerate,
  'allow-fee': switchFlag('Allow a fee above a tenth of the coin', 'FEES'),
  ...homeFlags,
  ...chainFlags,
};
export const preimageFlags = secretFlags('preimage', 'The preimage', group);

type SpendValues = Values<typeof spendFlags> & Partial<Values<typeof preimageFlags & typeof packageFlags>>;

/** Reads the document of an HTLC. @throws Refusal as `readHtlc` */
export function htlcIn(from: Fields): Htlc {
  const view: Record<string, Json | undefined> = {};
  for (const name of Object.keys(htlcEntries)) view[name] = from.json(name);
  from.skip('paths', 'checks');
  from.end();
  // `null` counts as absent there; here it says that anyone can claim.
  return readHtlc({ ...view, claim_pubkey: view['claim_pubkey'] ?? null });
}

/** Reads the HTLC in a file. @throws Refusal as `readHtlc`, `no-input` */
export async function htlcFrom(file: string): Promise<Htlc> {
  return htlcIn(new Fields(parseJson(utf8(await readInput(file))), file));
}

/** Reads TXID:VOUT:SAT. @throws Refusal `usage` */
export function coinFrom(text: string): Omit<Spent, 'script'> {
  const at = text.lastIndexOf(':');
  const outpoint = parseOutpoint(text.slice(0, at));
  const sat = parseSat(text.slice(at + 1));
  if (!outpoint || sat === undefined || sat === 0n)
    throw new Refusal('usage', `--utxo ${JSON.stringify(text.slice(0, 100))} found, TXID:VOUT:SAT expected`);
  return { ...outpoint, sat };
}

/** Reads the transaction that made a coin. @throws Refusal `parent-differs`, `unsafe-funding` */
async function previousOf(file: string | undefined, coin: Spent): Promise<Uint8Array | undefined> {
  if (file === undefined) return undefined;
  const hex = Buffer.from(await readInput(file, TRANSACTION_LIMIT))
    .toString('latin1')
    .trim();
  const { outputs } = parseTransaction(hex);
  const txid = txidOfHex(hex);
  if (txid !== coin.txid)
    throw new Refusal('parent-differs', `${file}: transaction ${txid} found, ${coin.txid} expected`);
  const output = outputs[coin.vout];
  if (!output || output.amount !== coin.sat || bytesToHex(output.script) !== coin.script)
    throw new Refusal('unsafe-funding', `output ${coin.vout} of ${txid} is not ${coin.sat} sat for this HTLC`);
  return hexToBytes(hex);
}

/** Reads an HTLC, spends it by one path, prints; exit 3 while something is missing. */
export async function runSpend(path: PathName, flags: SpendValues, file: string | undefined): Promise<void> {
  const secret = await readKey(flags, 'key');
  const given = await readHex(flags, 'preimage');
  const psbts = await Promise.all((flags.merge ?? []).map(psbtFrom));
  const coin = coinFrom(flags.utxo);
  await runStateless({ file }, async (document) => {
    const htlc = htlcIn(document);
    const preimage = given && checkPreimage(given, htlc.hash);
    const { facts, checks } = await factsFor(flags, htlc.network, [outpointText(coin)]);
    const at = { tip: facts.tip, feerate: facts.feerate, now: facts.now };
    const { sha256, hash160 } = htlc.hash;
    if (flags.quote) {
      const script = flags.to === undefined ? undefined : scriptOf(flags.to, htlc.network);
      const of = { contract: sha256 ?? hash160, network: htlc.network };
      return quoteText('htlc', of, refundWay('refunder', htlc, facts.feerate, script), at);
    }
    return withOwnHome(flags, htlc.network, async (home) => {
      const to = scriptOf(await payoutOf(flags, home, path === 'claim' ? htlc.claim : htlc.refund), htlc.network);
      const made = spend(htlc, path, { coin, to, feerate: facts.feerate, allowFee: flags.allowFee ?? false });
      const spent = made.template.inputs[0]!;
      const seen = checkCoins(facts.coins, [spent]);
      const known = await gather(made, merged(made, psbts), { secret, preimage, home });
      const previous = await previousOf(flags.prev, spent);
      if (htlc.type === 'p2sh' && !previous && facts.coins === 'not-checked')
        throw new Refusal(
          'amount-unproven',
          `${spent.sat} sat stated for a p2sh coin, and nothing proves it: what it holds beyond would be fee`,
          {
            hint: 'give --prev FILE with the transaction that made the coin, or --chain URL',
          },
        );
      if (facts.coins === 'not-checked' && !previous)
        note('nobody looked at the coin: if --utxo states another sum than it has, this transaction is invalid');
      warnEarly(made, facts.tip);
      const document = shown(made, known, previous);
      if (flags.package && document.hex !== null)
        return packageText('htlc', refundExit(htlc, document.hex, spent, to), flags, at, undefined);
      return { ...document, checks: { ...checks, coins: seen } };
    });
  });
}

async function payoutOf({ to, merge }: SpendValues, home: Home | undefined, pubkey: Hex | null): Promise<string> {
  if (to !== undefined) return to;
  if (!home)
    throw new Refusal('usage', 'no address to pay to', {
      hint: merge ? 'with --merge give the --to of the PSBT' : 'give --to ADDRESS, or --home DIR',
    });
  const fresh = async (): Promise<string> =>
    (await (await import('../../lib/engine/wallet.ts')).freshAddress(home)).address;
  const own = pubkey === null ? undefined : await payoutFor(home, pubkey, fresh);
  if (own === undefined && merge)
    throw new Refusal('usage', 'no address to pay to', { hint: 'with --merge give the --to of the PSBT' });
  return own ?? fresh();
}

/** Adds the own signatures and the preimage to what came back from elsewhere. */
async function gather(
  made: Spend,
  known: Known,
  own: { secret: Uint8Array | undefined; preimage: Uint8Array | undefined; home: Home | undefined },
): Promise<Known> {
  const signatures = { ...known.signatures };
  const had = Object.keys(signatures).length;
  if (own.secret) signatures[ownerOf(made, own.secret)] = signatureBy(made, own.secret);
  else if (own.home)
    for (const who of made.signers) {
      const secret = await secretBehind(own.home, who === 'claim' ? made.htlc.claim! : made.htlc.refund);
      if (secret) signatures[who] = signatureBy(made, secret);
    }
  const needed = made.elements.includes('preimage');
  const signed = {
    all: made.signers.every((who) => signatures[who]),
    own: Object.keys(signatures).length > had || (own.secret !== undefined && made.signers.length > 0),
  };
  const preimage =
    own.preimage ?? known.preimage ?? (needed && own.home ? await preimageFor(own.home, made.htlc, signed) : undefined);
  return { signatures, preimage };
}

function shown(made: Spend, known: Known, previous: Uint8Array | undefined) {
  const { htlc, path, template, feeSat, validFrom } = made;
  const lacks = missing(made, known);
  const done = lacks.length === 0 ? finishSpend(made, known, previous) : undefined;
  if (!done) {
    note(`still missing: ${lacks.join(', ')}; let another wallet sign the PSBT, and give it back with --merge FILE`);
    process.exitCode = 3;
  }
  return {
    type: `htlc-${path}`,
    version: 1,
    network: htlc.network,
    psbt: done?.psbt ?? carrier(made, known, previous),
    hex: done?.hex ?? null,
    // A scriptSig is part of the id.
    txid: done?.txid ?? (htlc.type === 'p2tr' || htlc.type === 'p2wsh' ? txidOf(template) : null),
    valid_from: validFrom,
    amount_sat: template.outputs[0]!.sat,
    fee_sat: feeSat,
    missing: lacks,
  };
}

/** Notes a refund that is not valid yet, and a claim that races with the refund. */
function warnEarly({ htlc, path }: Spend, tip: number | 'not-checked'): void {
  if (tip === 'not-checked' || isRelative(htlc.lock) || htlc.lock.kind !== 'height') return;
  const { value } = htlc.lock;
  if (path === 'refund' && tip < value) note(`valid from block ${value + 1} on; the tip is ${tip}`);
  if (path === 'claim' && tip >= value)
    note(`the refund is valid since block ${value + 1}: whoever confirms first has the coin`);
}
