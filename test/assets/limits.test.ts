/** The limits of coloured coins: Counterparty's names and forms, what is kept and shown, markers, shares of a dividend. */
import { encode } from 'cborg';
import { describe, expect, vi } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { orMalformed, Malformed } from '../../src/lib/assets/bytes.ts';
import { CBOR_LIMITS, cborJson } from '../../src/lib/assets/counterparty/cbor.ts';
import { MESSAGE_FORM_LIMITS, readCounterpartyMessage } from '../../src/lib/assets/counterparty/decode.ts';
import { assetName, NAME_LIMITS, packedAddress, subassetName } from '../../src/lib/assets/counterparty/names.ts';
import { divide, SHARE_LIMITS } from '../../src/lib/assets/dividends.ts';
import { memoized, KEPT_LIMITS } from '../../src/lib/assets/document.ts';
import { buildIssue } from '../../src/lib/assets/openassets/build.ts';
import { MARKER_LIMITS, readMarker, writeMarker } from '../../src/lib/assets/openassets/marker.ts';
import { Parents } from '../../src/lib/assets/trace.ts';
import { limits } from '../support/limits.ts';
import { script, txBytes } from './make.ts';

/** Is it read? */
const reads = (read: () => unknown): boolean => !(orMalformed(read) instanceof Malformed);
const hex = (n: number, bytes = 1): string => n.toString(16).padStart(2 * bytes, '0');

describe('names of Counterparty', () => {
  const packed = (version: number, size: number) =>
    reads(() => packedAddress(hexToBytes(`03${hex(version)}${'22'.repeat(size)}`), 'mainnet'));
  limits(NAME_LIMITS, {
    id: { takes: (n: bigint) => reads(() => assetName(n)), below: 'not taken' },
    subasset: { takes: (n: number) => reads(() => subassetName(new Uint8Array(n))), above: 'not taken' },
    program: { takes: (n: number) => packed(1, n), below: 'not taken', above: 'not taken' },
    version: { takes: (n: number) => packed(n, 20), above: 'not taken' },
  });
});

describe('messages of Counterparty', () => {
  limits(MESSAGE_FORM_LIMITS, {
    shortId: {
      takes: (n: number) =>
        readCounterpartyMessage(hexToBytes(`46000001${'aa'.repeat(31)}`), 'mainnet', n).type_id === 70,
      below: 'not taken',
    },
    cbor: {
      takes: (n: number) =>
        readCounterpartyMessage(Uint8Array.of(91, ...encode([1, 1])), 'mainnet', n).format === 'cbor',
      below: 'not taken',
    },
  });
  limits(CBOR_LIMITS, {
    depth: {
      takes(n: number) {
        const list = (left: number): unknown => (left === 0 ? 7 : [list(left - 1)]);
        return reads(() => cborJson(list(n)));
      },
      above: 'not taken',
    },
  });
});

describe('what is kept of names', () => {
  /** Is a name made once only, with so many others behind it? */
  const isKept = (name: string, others: number): boolean => {
    const make = vi.fn(() => 1);
    const keeps = memoized(make);
    keeps(name, 'mainnet');
    for (let i = 0; i < others; i++) keeps(`${i}`, 'mainnet');
    make.mockClear();
    keeps(name, 'mainnet');
    return make.mock.calls.length === 0;
  };
  limits(KEPT_LIMITS, {
    names: { takes: (n: number) => isKept('name', n - 1), above: 'not taken' },
    script: { takes: (n: number) => isKept('a'.repeat(n), 0), above: 'not taken' },
  });
});

describe('a marker', () => {
  const parents = new Parents();
  const money = { sat: 500_000n, script: script(1) };
  const { txid } = parents.add(txBytes([{ txid: 'aa'.repeat(32), vout: 0 }], [money]));
  const coins = [{ txid, vout: 0, sat: money.sat, script: bytesToHex(money.script) }];
  const grants = [{ script: bytesToHex(script(2)), units: 1n }];
  const common = {
    parents,
    network: 'mainnet',
    change: bytesToHex(script(9)),
    feerate: 2_000,
    allowFee: true,
  } as const;
  limits(MARKER_LIMITS, {
    quantity: {
      // A number of so many bytes.
      takes(n: number) {
        const quantity = [...Array.from({ length: n - 1 }, () => 0x80), 1];
        return reads(() => readMarker(Uint8Array.of(0x4f, 0x41, 1, 0, 1, ...quantity, 0)));
      },
      above: 'not taken',
    },
    marker: {
      takes(n: number) {
        const metadata = new Uint8Array(n - 9);
        expect(writeMarker({ quantities: [1n], metadata })).toHaveLength(n);
        return buildIssue({ ...common, coins, grants, metadata });
      },
      above: 'usage',
    },
  });
});

describe('a dividend', () => {
  limits(SHARE_LIMITS, {
    share: {
      takes(n: bigint) {
        const holders = [n, 10_000n].map((units, i) => ({ address: `${i}`, script: bytesToHex(script(i + 1)), units }));
        const { payouts } = divide(holders, { total: n + 10_000n, min: 1_000n, remainder: 'keep' });
        return payouts.length === 2;
      },
      figures: [1_000n],
      below: 'not taken',
    },
  });
});
