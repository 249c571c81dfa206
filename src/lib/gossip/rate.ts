/**
 * How often gossip of version 2 may come: one message a block for each direction of a channel and each node, and what was
 * saved up is counted. Source: https://github.com/lightning/bolts/pull/1059.
 *
 * A message must be of a higher block than the last one, not before the channel, not ahead of the tip, and within two weeks
 * of it. Not here: signatures (`verify-2.ts`).
 */
import { allows, type Limits } from '../protocol/limit.ts';
import type { ErrorCode } from '../protocol/refusal.ts';
import { readMessage2 } from './message-2.ts';

export const GOSSIP_LIMITS = {
  height: {
    unit: 'height',
    /** The block of the channel, and two weeks before the tip. */
    least: (funding: number, tip: number) => Math.max(funding, tip - 2016),
    most: (_funding: number, tip: number) => tip,
  },
} satisfies Limits;

export interface Rated {
  kept: boolean;
  code?: Extract<ErrorCode, 'gossip-stale' | 'gossip-too-often'>;
  text?: string;
  /** Blocks since the last message that was kept, less one: what might have been sent more. */
  saved?: number;
}

/** Judges a stream of messages, in its order. */
export class Rate {
  readonly #tip: number;
  readonly #last = new Map<string, number>();

  constructor(tip: number) {
    this.#tip = tip;
  }

  /** The judgement of a message; undefined for one that has no height. @throws Refusal of its records */
  judge(message: Uint8Array): (Rated & { of: string; block_height: number }) | undefined {
    const { values } = readMessage2(message);
    const { short_channel_id: scid, node_id: node, block_height: stated, second_peer: second } = values;
    if (typeof stated !== 'bigint') return undefined;
    const of = scid === undefined ? String(node) : `${String(scid)}/${second ? 2 : 1}`;
    const height = Number(stated);
    const funding = scid === undefined ? 0 : Number(String(scid).split('x')[0]);
    return { of, block_height: height, ...this.#judge(of, height, funding) };
  }

  #judge(of: string, height: number, funding: number): Rated {
    const stale = (text: string): Rated => ({ kept: false, code: 'gossip-stale', text });
    const least = GOSSIP_LIMITS.height.least(funding, this.#tip);
    if (!allows({ least, most: GOSSIP_LIMITS.height.most(funding, this.#tip) }, height))
      return stale(`height ${height} found, ${least} to ${this.#tip} expected`);
    const last = this.#last.get(of);
    if (last === height) return { kept: false, code: 'gossip-too-often', text: `a second message of block ${height}` };
    if (last !== undefined && last > height) return stale(`height ${height} found, above ${last} expected`);
    this.#last.set(of, height);
    return { kept: true, ...(last !== undefined && { saved: height - last - 1 }) };
  }
}
