/**
 * What the bytes of a transaction alone show of a channel: which script of BOLT3 an input spends and by which way, the
 * hidden number of a commitment, and the formats that it can be of.
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { scriptType } from '../bitcoin/script.ts';
import type { Template } from '../bitcoin/transaction.ts';
import { readScript, wholeForm, type Holes } from '../htlc/scripts.ts';
import type { FormatName } from './format.ts';
import { ANCHOR_SAT } from './format.ts';
import { hiddenNumber } from './keys.ts';
import { P2A, TEXTS } from './scripts.ts';

export interface Recognised {
  /** The output that is spent. */
  spends: 'funding' | 'to_local' | 'to_remote' | 'anchor' | 'htlc-offered' | 'htlc-received';
  way: string;
  holes: Holes;
  anchors?: boolean;
}
type Stack = readonly Uint8Array[];
interface Known {
  text: string;
  spends: Recognised['spends'];
  way: (stack: Stack) => string | undefined;
  anchors?: boolean;
}

const length = (stack: Stack, at: number): number => stack[at]?.length ?? -1;
const htlcWay =
  (offered: boolean) =>
  (stack: Stack): string | undefined => {
    if (stack.length === 3)
      return length(stack, 1) === 33
        ? 'penalty'
        : offered
          ? 'preimage'
          : length(stack, 1) === 0
            ? 'timeout'
            : undefined;
    return stack.length === 5 ? (offered ? 'second-timeout' : 'second-success') : undefined;
  };
const WITNESS_SCRIPTS: readonly Known[] = [
  { text: TEXTS.funding, spends: 'funding', way: (s) => (s.length === 4 ? 'both' : undefined) },
  {
    text: TEXTS.toLocal,
    spends: 'to_local',
    way: (s) => (s.length === 3 ? (length(s, 1) === 0 ? 'delayed' : 'penalty') : undefined),
  },
  { text: TEXTS.toRemote, spends: 'to_remote', way: (s) => (s.length === 2 ? 'payment' : undefined), anchors: true },
  { text: TEXTS.anchor, spends: 'anchor', way: (s) => (length(s, 0) === 0 ? 'anyone' : 'anchor') },
  ...[false, true].flatMap((anchors): Known[] => [
    { text: wholeForm('bolt3-offered', anchors)!.script, spends: 'htlc-offered', way: htlcWay(true), anchors },
    { text: wholeForm('bolt3-received', anchors)!.script, spends: 'htlc-received', way: htlcWay(false), anchors },
  ]),
];
const always = (way: string) => (): string => way;
const LEAVES: readonly Known[] = [
  { text: TEXTS.delayedLeaf, spends: 'to_local', way: always('delayed') },
  { text: TEXTS.revokeLeaf, spends: 'to_local', way: always('penalty') },
  { text: TEXTS.remoteLeaf, spends: 'to_remote', way: always('payment') },
  { text: TEXTS.anchorLeaf, spends: 'anchor', way: always('anyone') },
  { text: TEXTS.offeredTimeout, spends: 'htlc-offered', way: always('second-timeout') },
  { text: TEXTS.offeredSuccess, spends: 'htlc-offered', way: always('preimage') },
  { text: TEXTS.receivedTimeout, spends: 'htlc-received', way: always('timeout') },
  { text: TEXTS.receivedSuccess, spends: 'htlc-received', way: always('second-success') },
];

/** What a witness spends; undefined where its script is none of a channel. */
function recognise(stack: Stack): Recognised | undefined {
  const last = stack.at(-1);
  if (!last) return undefined;
  const isLeaf = stack.length > 1 && (last[0]! & 0xfe) === 0xc0 && last.length >= 33 && last.length % 32 === 1;
  for (const { text, spends, way, anchors } of isLeaf ? LEAVES : WITNESS_SCRIPTS) {
    const holes = readScript(text, isLeaf ? stack.at(-2)! : last);
    const found = holes && way(stack);
    if (found !== undefined) return { spends, way: found, holes: holes!, ...(anchors !== undefined && { anchors }) };
  }
  return undefined;
}

export type Kind = 'commitment' | 'htlc-timeout' | 'htlc-success' | 'htlc' | 'close' | 'penalty' | 'sweep' | 'unknown';
/** What a transaction is, by its bytes. */
export interface Shown {
  kind: Kind;
  hidden: bigint | null;
  formats: readonly FormatName[];
  inputs: readonly (Recognised | undefined)[];
}

export function shown(template: Template, stacks: readonly Stack[]): Shown {
  const inputs = template.inputs.map((_, i) => recognise(stacks[i] ?? []));
  const [first] = template.inputs;
  const hidden = template.inputs.length === 1 ? hiddenNumber(template.locktime, first!.sequence) : undefined;
  const keySpend = stacks[0]?.length === 1 && stacks[0][0]!.length === 64;
  if (hidden !== undefined && (inputs[0]?.spends === 'funding' || keySpend || !stacks[0]?.length))
    return { kind: 'commitment', hidden, formats: formatsOf(template, keySpend), inputs };
  const ways = new Set(inputs.map((i) => i?.way));
  const kind: Kind =
    inputs[0]?.spends === 'funding'
      ? 'close'
      : inputs.every((i) => i === undefined)
        ? 'unknown'
        : ways.has('penalty')
          ? 'penalty'
          : ways.has('second-timeout') && ways.has('second-success')
            ? 'htlc'
            : ways.has('second-timeout')
              ? 'htlc-timeout'
              : ways.has('second-success')
                ? 'htlc-success'
                : 'sweep';
  return { kind, hidden: null, formats: [], inputs };
}

/** The formats that a commitment can be of. */
function formatsOf({ version, outputs }: Template, keySpend: boolean): FormatName[] {
  if (version === 3 || outputs.some((o) => o.script === P2A)) return ['zero-fee'];
  const anchored = outputs.some((o) => o.sat === ANCHOR_SAT);
  const types = new Set(outputs.map((o) => scriptType(o.script)));
  if (keySpend || (types.size === 1 && types.has('p2tr'))) return ['taproot'];
  if (types.has('p2wpkh')) return ['static', 'legacy'];
  return anchored ? ['anchors', 'anchor-outputs'] : ['static', 'legacy', 'anchors', 'anchor-outputs'];
}

/** The keys, hash and lock that a script shows, for people. */
export const holesView = ({ lock, ...bytes }: Holes): object => ({
  ...Object.fromEntries(
    Object.entries(bytes).map(([name, value]) => [name.replaceAll('-', '_'), bytesToHex(value as Uint8Array)]),
  ),
  ...(lock && { lock: { kind: lock.kind, value: lock.value } }),
});
