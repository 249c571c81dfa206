/**
 * Rate limit of version 2 gossip: one message a block for each node and each direction of a
 * channel.
 *
 * Blocks without a message are saved up. Source: https://github.com/lightning/bolts/pull/1059. The
 * height of a message is above the last one's, and not before the channel. It is not above the tip,
 * nor two weeks below it. Not here: signatures (`verify.ts`).
 */
import { allows, type Limits } from '../protocol/limit.ts';
import type { ErrorCode } from '../protocol/refusal.ts';
import { scidParts } from '../wire/fields.ts';
import { readGossip } from './message.ts';

export const GOSSIP_LIMITS = {
  height: {
    unit: 'height',
    /** Block of the channel, and two weeks before the tip. */
    least: (funding: number, tip: number) => Math.max(funding, tip - 2016),
    most: (_funding: number, tip: number) => tip,
  },
} satisfies Limits;

export interface Rated {
  kept: boolean;
  code?: Extract<ErrorCode, 'gossip-stale' | 'gossip-too-often'>;
  text?: string;
  /** Number of messages that were saved up since the last accepted one. */
  saved?: number;
}

/** Rate limiter for a stream of messages, in its order. */
export class GossipRate {
  readonly #tip: number;
  readonly #last = new Map<string, number>();

  constructor(tip: number) {
    this.#tip = tip;
  }

  /** Judges a message; undefined if it has no height. @throws Refusal as `readGossip` */
  judge(message: Uint8Array): (Rated & { of: string; block_height: number }) | undefined {
    const { values } = readGossip(message);
    const { short_channel_id: scid, node_id: node, block_height: height, second_peer: second } = values;
    if (height === undefined) return undefined;
    const of: string = scid === undefined ? node : `${scid}/${second ? 2 : 1}`;
    const funding = scid === undefined ? 0 : scidParts(scid)[0];
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
