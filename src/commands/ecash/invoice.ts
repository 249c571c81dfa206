/** A merchant's invoice as its command makes it: from the contract's record and key, with an id of its own; and drawn. */
import type { Home } from '../../lib/home/home.ts';
import { change } from '../../lib/home/change.ts';
import { creditKind, inState, type Credit } from '../../lib/credit/records.ts';
import { paysOwed } from '../../lib/credit/steps.ts';
import { authOf, isReverse } from '../../lib/credit/terms.ts';
import { signInvoice } from '../../lib/mint/invoice.ts';
import type { Hex } from '../../lib/protocol/action.ts';
import { idClaim } from '../../lib/protocol/claims.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export interface InvoiceOptions {
  contract: Hex;
  amountSat: bigint;
  /** Seconds for which it can be paid. */
  seconds: number;
  memo?: string | undefined;
}

/** One line. @throws Refusal `wrong-state` for a contract that no mint pays over, `contract-restored`, `amount-not-growing`, `usage` for a long memo */
export async function makeInvoice(home: Home, { contract, amountSat, seconds, memo }: InvoiceOptions): Promise<string> {
  const c = await change<{ contract: Credit }, Credit | undefined>(
    home.store,
    { contract: creditKind },
    () => ({ contract: idClaim(contract) }),
    ({ contract: found }) => ({ writes: {}, result: found }),
  );
  const found = inState(c, 'payee', 'accepted', 'open');
  const { terms, own } = found;
  if (!isReverse(terms))
    throw new Refusal('wrong-state', 'a contract found that no mint pays over, a reverse one with --mint expected');
  if (found.restored)
    throw new Refusal(
      'contract-restored',
      'this contract comes from a restored store and takes no more updates: nothing paid over it could be taken',
      { hint: `sell over another contract; ${paysOwed(found.id)}` },
    );
  if (amountSat <= 0n) throw new Refusal('amount-not-growing', 'an invoice of nothing found');
  const id = Buffer.from((await home.random())(16)).toString('hex');
  const expiry = Math.floor(Date.now() / 1000) + seconds;
  const { network, mint_url: mint } = terms;
  const payerAuth = authOf(terms, 'payer');
  const secret = (await home.keys()).auth(own.path);
  return signInvoice({ network, mint: mint!, contract, amountSat, id, payerAuth, expiry, memo }, secret);
}

/** Drawn in half blocks, dark on light, on stderr: stdout has the line alone. */
export async function printQr(line: string): Promise<void> {
  const { default: qrcode } = await import('qrcode-generator');
  const code = qrcode(0, 'L');
  code.addData(line, 'Byte');
  code.make();
  await new Promise<void>((done) => process.stderr.write(`${code.createASCII(1, 2)}\n`, () => done()));
}
