/**
 * Inspection of documents that are printed for people and programs, and that no action reads: their
 * fields in order, with the transactions among them. Also tokens, addresses and lists of coins.
 * Secrets are named, not shown.
 * Not here: contract messages, PSBTs and transactions (`inspection.ts`).
 */
import { scriptOf } from '../../lib/bitcoin/address.ts';
import { btcFromSat } from '../../lib/bitcoin/amount.ts';
import { parseCoins } from '../../lib/bitcoin/coins.ts';
import { NETWORKS } from '../../lib/bitcoin/network.ts';
import { outpointText } from '../../lib/bitcoin/outpoint.ts';
import { scriptType } from '../../lib/bitcoin/script.ts';
import { sumSat } from '../../lib/bitcoin/transaction.ts';
import { FAMILIES } from '../../lib/families.ts';
import { DecimalText, type Json } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import type { Fact } from '../../lib/signing/description.ts';
import type { Document } from '../../lib/protocol/message.ts';
import { visible } from '../../lib/engine/log.ts';

/** Fields whose values are money or keys. */
const SECRET = /(?:^|_)(?:secrets?|preimage|session_key|mnemonic|proofs|tokens?)$/;
/** Fields that say what the document is; others show transactions, which are told in lines of their own. */
const TOLD = new Set(['type', 'version', 'step', 'network', 'hex', 'psbt', 'package', 'steps', 'checks']);

/** Returns the fields of a document as label and value; a field of a field has a label with dots. */
export function fieldFacts(document: Document): Fact[] {
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
export function coinFacts(list: Json): Fact[] {
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
export const isText = (text: string): boolean =>
  wordsFor(text) !== undefined || (ADDRESS.test(text) && !/^(?:[0-9a-f]{2})+$/.test(text));

/** Returns what a token or an address says. @throws Refusal `malformed-token`, `duplicate-secret`, `malformed-address` */
export const inspectText = async (text: string): Promise<{ of: string; facts: Fact[] }> =>
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
