/** Any document, PSBT or transaction in words: its facts, its checks, who acts next. No secrets. */
import { addressOf, scriptOf } from '../../lib/bitcoin/address.ts';
import { feerateOf, feerateText } from '../../lib/bitcoin/fee.ts';
import { NETWORKS, type Network } from '../../lib/bitcoin/network.ts';
import { readPsbt, templateOf } from '../../lib/bitcoin/psbt.ts';
import { scriptType } from '../../lib/bitcoin/script.ts';
import {
  feeOf,
  parseBareTransaction,
  txidOf,
  txidOfHex,
  vsizeOfHex,
  type Template,
  sumSat,
} from '../../lib/bitcoin/transaction.ts';
import { following, rowWords, type Action } from '../../lib/protocol/action.ts';
import { parseJson, withSats, type Json, DecimalText } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import type { Check, Description, Fact } from '../../lib/signing/description.ts';
import { documentIn, type ReadDocument } from '../../lib/engine/documents.ts';
import type { Document } from '../../lib/protocol/message.ts';
import { readInput } from '../../lib/cli/input.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import { quotesIn } from '../../lib/engine/ways.ts';
import { DEFAULT_FEERATE } from '../../lib/chain/source.ts';
import { describerOf, tableOf, type Describer, FAMILIES } from '../../lib/families.ts';
import { visible } from '../../lib/engine/log.ts';
import { btcFromSat } from '../../lib/bitcoin/amount.ts';
import { parseCoins } from '../../lib/bitcoin/coins.ts';
import { outpointText } from '../../lib/bitcoin/outpoint.ts';

export interface Inspection {
  of: string;
  facts: Fact[];
  checks: Check[];
  /** Next rows, and their effect. */
  next: readonly string[];
  /** Sequence diagram of the action, with the step that was read. */
  mermaid: string | undefined;
}

/** Documents that can be inspected: more than other commands read. */
type Inspectable = ReadDocument | { text: string } | { coins: Json };

/** Reads a document, PSBT, transaction, token, address or list of coins. @throws Refusal */
export async function readInspectable(file: string | undefined): Promise<Inspectable> {
  const bytes = await readInput(file);
  const text = Buffer.from(bytes).toString('latin1').trim();
  if (isText(text)) return { text };
  return text.startsWith('[') ? { coins: parseJson(utf8(bytes)) } : documentIn(bytes);
}

const UNCHECKED = { checks: [], next: [], mermaid: undefined };

/** Inspects anything that can be read. @throws Refusal as the parsers do */
export async function inspect(read: Inspectable, network: Network | undefined): Promise<Inspection> {
  if ('text' in read) return { ...UNCHECKED, ...(await inspectText(read.text)) };
  if ('coins' in read) return { ...UNCHECKED, of: 'a list of coins', facts: coinFacts(read.coins) };
  if ('psbt' in read) return inspectPsbt(read.psbt, network);
  if ('hex' in read) return inspectHex(read.hex, network);
  return inspectDocument(read.document);
}

async function inspectDocument(document: Document): Promise<Inspection> {
  const { type, step, network } = document;
  if (typeof type !== 'string')
    throw new Refusal('unknown-type', 'JSON without a "type" found, a document as spillway prints it expected');
  const table = await tableOf(type);
  const isRow = step === 'waiting' || document['auth'] !== undefined || table?.rows.some(({ name }) => name === step);
  if (!table) return inspectPrinted(document, await describerOf(type));
  if (!isRow) return inspectPrinted(document);
  if (step === 'waiting') {
    const facts: Fact[] = Object.keys(document['psbt'] ?? {}).map((name) => [
      `psbt.${name}`,
      'waits for another wallet; --merge brings it back',
    ]);
    return {
      of: `${type}, waiting for '${visible(String(document['for']), 40)}'`,
      facts,
      checks: [],
      next: ['the same run again, with --merge FILE'],
      mermaid: undefined,
    };
  }
  // The parser of the table refuses what is no such message; these documents are only printed, never read back.
  const isPrinted = table.rows.every(({ after }) => after === null);
  if (!isPrinted) table.parse(document);
  const describe = (await describerOf(type))!;
  const said = (): Description => describe(withSats(document) as Document);
  const { facts, checks } = isPrinted ? asPrinted(said) : said();
  for (const [name, value] of Object.entries(document['checks'] ?? {}))
    checks.push([`${name} (by the sender)`, visible(String(value), 60)]);
  if (document['verdict'] !== undefined) {
    if (document['amount_sat'] !== undefined) facts.push(['pays', `${document['amount_sat']} sat`]);
    facts.push(['verdict', visible(String(document['verdict']), 40)]);
    if (document['hex']) facts.push(...hexFacts(String(document['hex']), network));
  } else if (typeof document['hex'] === 'string') facts.push(...hexFacts(document['hex'], network));
  if (!isPrinted) facts.push(...(await quotesIn(document, { feerate: DEFAULT_FEERATE, tip: 'not-checked' })));
  const next = following(table.rows, step).map((row) => `${rowWords(row)}: ${row.does}`);
  return { of: `${type} at '${step}' on ${network}`, facts, checks, next, mermaid: sequence(table, step) };
}

/** Inspects a document that no action reads: its fields, and its transactions. */
function inspectPrinted(document: Document, describe?: Describer): Inspection {
  const { type, step, network, hex, psbt, package: txs } = document;
  const facts = fieldFacts(document);
  // The hex of an offer is no transaction.
  const hexes = [...(type === 'offer' ? [] : [hex]), ...(Array.isArray(txs) ? txs : [])].filter(
    (each) => typeof each === 'string',
  );
  for (const each of hexes) facts.push(...hexFacts(each, network));
  // Beside a finished transaction its PSBT says the same again.
  const psbts = hexes.length > 0 ? [] : typeof psbt === 'object' && psbt !== null ? Object.values(psbt) : [psbt];
  for (const each of psbts) if (typeof each === 'string') facts.push(...inspectPsbt(each, network).facts);
  const said = describe?.(document);
  const labels = new Set(facts.map(([label]) => label));
  facts.push(...(said?.facts ?? []).filter(([label]) => !labels.has(label)));
  const checks = said?.checks ?? [];
  const of = [
    type,
    ...(step === undefined ? [] : [`at '${step}'`]),
    ...(network === undefined ? [] : [`on ${network}`]),
  ];
  const unchecked = checks.length === 0 ? ' (no contract message: nothing of it is checked)' : '';
  return { ...UNCHECKED, of: visible(of.join(' '), 200) + unchecked, facts, checks };
}

/** Reads a document whose form is not checked. @throws Refusal `malformed-message` */
function asPrinted<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal('malformed-message', `not a document as this program prints it: ${(error as Error).message}`);
  }
}

function inspectPsbt(psbt: string, network: string | undefined): Inspection {
  const tx = readPsbt(psbt);
  const template = templateOf(tx);
  const facts = templateFacts(template, undefined, network);
  template.inputs.forEach((input, i) => {
    const { partialSig, tapKeySig, finalScriptWitness, musig2ParticipantPubkeys, musig2PubNonce, musig2PartialSig } =
      tx.getInput(i);
    const signed = finalScriptWitness?.length ? 'final' : tapKeySig || partialSig?.length ? 'signed' : 'not signed';
    const keys = musig2ParticipantPubkeys?.flatMap(([, keys]) => keys).length ?? 0;
    const musig =
      keys > 0
        ? `, MuSig2 of ${keys}: ${musig2PubNonce?.length ?? 0} nonces, ${musig2PartialSig?.length ?? 0} partial signatures`
        : '';
    facts.push([`input ${i} is`, signed + musig + (input.script ? '' : ', amount and script not stated')]);
  });
  return { ...UNCHECKED, of: 'a PSBT', facts };
}

function inspectHex(hex: string, network: Network | undefined): Inspection {
  return { ...UNCHECKED, of: 'a transaction', facts: hexFacts(hex, network) };
}

const hexFacts = (hex: string, network: string | undefined): Fact[] =>
  templateFacts(parseBareTransaction(hex), hex, network);

function templateFacts(template: Template, hex: string | undefined, network: string | undefined): Fact[] {
  const known = template.inputs.every((i) => i.script !== '');
  const where = NETWORKS.find((n) => n === network);
  const facts: Fact[] = [
    [
      'transaction',
      `${hex ? txidOfHex(hex) : txidOf(template)}, version ${template.version}${template.version === 3 ? ' (TRUC)' : ''}${hex ? `, ${vsizeOfHex(hex)} vB` : ''}`,
    ],
    [
      'locktime',
      template.locktime === 0
        ? 'none'
        : template.locktime < 500_000_000
          ? `valid from block ${template.locktime + 1} on`
          : `valid after Unix time ${template.locktime}`,
    ],
    ...template.inputs.map((i, n): Fact => [
      `input ${n}`,
      `${i.txid}:${i.vout}${i.script ? `, ${i.sat} sat, ${scriptType(i.script)}` : ''}, sequence ${i.sequence.toString(16)}`,
    ]),
    ...template.outputs.map((o, n): Fact => [
      `output ${n}`,
      `${o.sat} sat to ${(where && addressOf(o.script, where)) ?? `${scriptType(o.script)} ${o.script}`}`,
    ]),
  ];
  if (known)
    facts.push([
      'fee',
      `${feeOf(template)} sat${hex ? `, ${feerateText(feerateOf(feeOf(template), vsizeOfHex(hex)))} sat/vB` : ''}`,
    ]);
  return facts;
}

/** Draws an action's rows as a sequence diagram: solid up to the step, dotted after it. */
export function sequence(table: Action<any, any, any>, step: string | null): string {
  const parties = [...new Set(table.rows.map((row) => row.by))];
  const past = new Set<string>();
  for (let at = step; at !== null;) {
    past.add(at);
    at = table.rows.findLast((row) => row.name === at && !past.has(String(row.after)))?.after ?? null;
  }
  const lines = table.rows.map((row) => {
    const to = following(table.rows, row.name)[0]?.by ?? row.by;
    return `  ${row.by}${past.has(row.name) ? '->>' : '-->>'}${to}: ${row.name}${row.when ? ` (${row.when[0]})` : ''}`;
  });
  return ['sequenceDiagram', ...parties.map((p) => `  participant ${p}`), ...new Set(lines)].join('\n');
}

/** Returns an inspection as aligned lines. */
export function inText({ of, facts, checks, next }: Inspection): string {
  const rows: Fact[] = [
    ...facts,
    ...checks.map(([label, text, failed]): Fact => [`check${failed ? ' FAILED' : ''}: ${label}`, text]),
    ...next.map((text): Fact => ['next', text]),
  ];
  const width = Math.max(...rows.map(([label]) => label.length), 4);
  return [of, ...rows.map(([label, text]) => `  ${label.padEnd(width)}  ${visible(text)}`)].join('\n');
}

/** Fields whose values are money or keys. */
const SECRET = /(?:^|_)(?:secrets?|preimage|session_key|mnemonic|proofs|tokens?)$/;
/** Fields without a line: the kind of the document, and transactions, which have own lines. */
const TOLD = new Set(['type', 'version', 'step', 'network', 'hex', 'psbt', 'package', 'steps', 'checks']);

/** Returns the fields of a document as label and value; nested labels are joined by dots. */
function fieldFacts(document: Document): Fact[] {
  return Object.entries(document)
    .filter(([name]) => !TOLD.has(name))
    .flatMap(([name, value]) => factsOf(name, name, value as Json));
}

function factsOf(label: string, name: string, value: Json): Fact[] {
  if (value === null) return [[label, 'none']];
  if (SECRET.test(name) && typeof value !== 'boolean') return [[label, 'secret, not shown']];
  if (value instanceof DecimalText) return [[label, value.text]];
  if (Array.isArray(value)) {
    const plain = value.every((item) => typeof item !== 'object' || item === null);
    return plain
      ? [[label, visible(value.join(', '), 200) || 'none']]
      : value.flatMap((item: Json, i) => factsOf(`${label}[${i}]`, name, item));
  }
  if (typeof value === 'object')
    return Object.entries(value).flatMap(([key, field]) => factsOf(`${label}.${key}`, key, field as Json));
  return [[label, visible(`${String(value)}${/(?:^|_)sat$/.test(name) ? ' sat' : ''}`, 200)]];
}

/** Returns a list of coins in words. @throws Refusal `malformed-coins` */
function coinFacts(list: Json): Fact[] {
  const coins = parseCoins(list);
  return [
    ...coins.map((coin, i): Fact => [
      `coin ${i}`,
      `${outpointText(coin)}, ${coin.sat} sat, ${scriptType(coin.script)} ${coin.script}`,
    ]),
    ['in all', `${sumSat(coins)} sat (${btcFromSat(sumSat(coins))} BTC)`],
  ];
}

const ADDRESS = /^(?:(?:bc|tb|bcrt)1[a-z0-9]{6,87}|(?:BC|TB|BCRT)1[A-Z0-9]{6,87}|[123mn][1-9A-HJ-NP-Za-km-z]{25,34})$/;

const wordsFor = (text: string) => FAMILIES.find(({ texts }) => texts?.form.test(text))?.texts?.describe;

/** Returns whether a text has the form of a family's texts, such as a token, or of an address. */
const isText = (text: string): boolean =>
  wordsFor(text) !== undefined || (ADDRESS.test(text) && !/^(?:[0-9a-f]{2})+$/.test(text));

/** Returns the meaning of a token or an address. @throws Refusal as their readers */
const inspectText = async (text: string): Promise<{ of: string; facts: Fact[] }> =>
  ((await wordsFor(text)?.()) ?? inspectAddress)(text);

function inspectAddress(address: string): { of: string; facts: Fact[] } {
  const found = NETWORKS.flatMap((network) => {
    try {
      return [[network, scriptOf(address, network)] as const];
    } catch (error) {
      if (error instanceof Refusal) return [];
      throw error;
    }
  });
  const [, script] = found[0] ?? [];
  if (script === undefined)
    throw new Refusal(
      'malformed-address',
      `${JSON.stringify(address)} found, an address of a standard script expected`,
      {
        hint: 'a letter is missing or mistyped',
      },
    );
  const facts: Fact[] = [
    ['networks', found.map(([network]) => network).join(', ')],
    ['kind', scriptType(script)],
    ['script', script],
  ];
  return { of: `an address: ${address}`, facts };
}
