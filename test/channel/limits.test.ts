/** The limits of commitments. */
import { describe } from 'vitest';
import { buildCommitment } from '../../src/lib/channel/commitment.ts';
import { readState } from '../../src/lib/channel/document.ts';
import { COMMITMENT_LIMITS, type FormatName } from '../../src/lib/channel/format.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { CASES, channelOf } from '../support/channel.ts';
import { limits } from '../support/limits.ts';

const withHtlcs = (format: FormatName) => (count: number) => {
  const { state } = CASES.find((c) => c.channel === format)!;
  const htlc = { direction: 'offered', amount_msat: 7_000_000, payment_hash: '11'.repeat(32), expiry: 500 };
  const read = readState(
    new Fields({ ...state, to_local_msat: 0, to_remote_msat: 0, htlcs: [htlc], feerate_per_kw: 0 } as never),
    format,
  );
  return buildCommitment(channelOf(format), { ...read, htlcs: Array.from({ length: count }, () => read.htlcs[0]!) });
};

describe('a commitment', () => {
  limits(COMMITMENT_LIMITS, {
    htlcs: (['anchors', 'zero-fee'] as const).map((format) => ({
      takes: withHtlcs(format),
      figures: [format],
      above: 'htlc-limit' as const,
    })),
  });
});
