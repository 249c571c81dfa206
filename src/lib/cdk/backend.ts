/**
 * Payment backend of a running Cashu mint for the method `credit`, which cdk-mintd calls over gRPC.
 * A mint quote is paid when a contract's `paid` has risen, a melt when this home owes the amount to
 * a merchant.
 *
 * Whoever can call this service can melt: mutual TLS, or plaintext on regtest and loopback. The
 * caller must be the mint at the URL: that is asked for a quote, and its own CreatePayment must
 * arrive here before anything is reported or melted.
 * Not here: the rules (`ecash/quote.ts`, `mint/melt.ts`), reporting (`report.ts`), sockets
 * (`listen.ts`).
 */
import { mintQuote, mintUrlOf, newMintQuote } from '../cashu/quotes.ts';
import { note } from '../engine/log.ts';
import { printRequest } from '../ecash/request.ts';
import { failureOf } from '../engine/failure.ts';
import type { Home } from '../home/home.ts';
import { realRandom } from '../home/random.ts';
import type { Hex } from '../protocol/action.ts';
import type { FactSource } from '../protocol/ports.ts';
import { Refusal } from '../protocol/refusal.ts';
import { bytesToHex, publicBytes, parseScalar } from '../signing/curve.ts';
import { listen, type Handlers, type ListenOptions } from './listen.ts';
import { Melts } from './melts.ts';
import type { Identifier, Requests } from './proto.ts';
import { Reporter, rowOf } from './report.ts';
import type { Listener } from '../serve/listener.ts';

export interface CdkOptions extends Pick<ListenOptions, 'address' | 'tlsDir' | 'client' | 'insecure' | 'log'> {
  home: Home;
  source: FactSource;
  /** URL of the mint. */
  mint: string;
  /** Labelled points, where tests interrupt a run. */
  point?: (label: string) => void;
}
export interface Cdk {
  /** HOST:PORT on which it listens. */
  address: string;
  /** Settles when the mint has proved to be the one at the URL. @throws Refusal `wrong-mint` */
  proved: Promise<void>;
  stop(): Promise<void>;
}

const RETRY_MS = 500;
const SAT = 'sat';

/** @throws Refusal `usage`, `insecure-mint`, `no-input`, `cannot-listen` */
export async function startCdk(options: CdkOptions): Promise<Cdk> {
  const { home, log, point = () => {} } = options;
  const mint = mintUrlOf(options.mint);
  const at = { url: mint, named: true };
  const proof = proofOf();
  let proved = false;
  const reporter = new Reporter({ store: home.store, mint, figures: (id) => mintQuote(at, id), log, point });
  const melts = new Melts({ home, mint, source: options.source, point });

  const handlers: Handlers = {
    GetSettings: async () => ({ unit: SAT, custom: { credit: '{}' } }),
    CreatePayment: async (request) => {
      const quote = creditQuoteOf(request);
      if (quote.pubkey === proof.key) proof.seen(quote.id);
      const line = { network: home.network, quote: quote.id, amountSat: quote.amountSat, mint, home: home.id };
      return {
        requestIdentifier: { type: 'QUOTE_ID', id: quote.id },
        request: printRequest(line),
        ...(quote.amountSat !== null && quote.expiry !== undefined && { expiry: quote.expiry }),
      };
    },
    CheckIncomingPayment: async ({ requestIdentifier }) => {
      const id = idOf(requestIdentifier, 'QUOTE_ID');
      const received = await rowOf(home.store, id, mint);
      reporter.touch(id);
      return { payments: received ? [received] : [] };
    },
    GetPaymentQuote: async (request) => {
      if (!proved) throw unproved();
      if (request.unit !== SAT) throw new Refusal('wrong-unit', `unit ${String(request.unit)} found, sat expected`);
      const { digest, amountSat } = await melts.quote(request.quoteId ?? '', request.request ?? '', request.amount);
      const amount = { value: String(amountSat), unit: SAT };
      const fee = { value: '0', unit: SAT };
      return { requestIdentifier: { type: 'CUSTOM_ID', id: digest }, amount, fee, state: 'UNPAID' };
    },
    MakePayment: async ({ paymentOptions }) => {
      const { quoteId = '', offer = '' } = paymentOptions?.custom ?? {};
      return melts.pay(quoteId, offer, proved, log);
    },
    CheckOutgoingPayment: async ({ requestIdentifier }) => melts.check(idOf(requestIdentifier, 'CUSTOM_ID'), log),
  };
  const server = await listen({
    ...options,
    network: home.network,
    handlers,
    events: (show) => reporter.listen(show),
  });
  let stopped = false;
  const prove = async (): Promise<void> => {
    for (let told = ''; ;) {
      try {
        const { id } = await newMintQuote(at, proof.key);
        if (proof.ids.has(id)) break;
        throw new Refusal('wrong-mint', `the mint at ${mint} makes quotes without asking this home`, {
          hint: 'is --mint the URL of the mint that has this home as its payment backend?',
        });
      } catch (error) {
        const waits = error instanceof Refusal && (error.code === 'mint-unavailable' || error.code === 'mint-refused');
        if (!waits) throw error;
        if (error.code !== told) log(failureOf(error));
        told = error.code;
        // It may be about to start, or to find this service again, which it needs before it makes a quote.
        await new Promise((done) => setTimeout(done, RETRY_MS));
        if (stopped) return;
      }
    }
    if (stopped) return;
    proved = true;
    reporter.start();
    log({ code: 'info', message: `the mint at ${mint} is this home's` });
  };
  const done = prove();
  done.catch(() => {});
  return {
    address: server.address,
    proved: done,
    async stop() {
      stopped = true;
      await reporter.stop();
      await server.stop();
    },
  };
}

/** Starts the backend as a listener of the server; it ends by itself if the mint is wrong. */
export async function cdkListener(options: Omit<CdkOptions, 'log'>): Promise<Listener> {
  const cdk = await startCdk({ ...options, log: ({ code, message }) => note(`cdk ${code}: ${message}`) });
  const ended = Promise.withResolvers<void>();
  ended.promise.catch(() => {}); // heard in `run`
  cdk.proved.catch((error: unknown) => ended.reject(error));
  return {
    said: { cdk: cdk.address },
    run: () => ended.promise.finally(() => cdk.stop()),
    stop: () => ended.resolve(),
  };
}

const unproved = (): Refusal =>
  new Refusal('mint-unavailable', 'the mint has not proved yet that it is the one at --mint');

/** A key that nobody knows the secret of: the quote that is locked to it is never minted. */
function proofOf(): { key: Hex; ids: ReadonlySet<string>; seen(id: string): void } {
  const ids = new Set<string>();
  const key = bytesToHex(publicBytes(parseScalar(realRandom(32))!));
  return { key, ids, seen: (id) => void ids.add(id) };
}

/**
 * Returns the mint's quote for a credit. Nothing is stored for it: the home reads the quote from
 * the mint when a contract's party names it.
 */
function creditQuoteOf({ options }: Requests['CreatePayment']) {
  const { quoteId: id = '', pubkey, amount, unixExpiry } = options?.custom ?? {};
  if (!options?.custom) throw new Refusal('wrong-unit', 'a payment of another method than credit found');
  if (amount && amount.unit !== SAT) throw new Refusal('wrong-unit', `unit ${amount.unit} found, sat expected`);
  if (!pubkey)
    throw new Refusal('quote-unlocked', `quote ${id} has no key (NUT-20): whoever knows its id could mint it`);
  return { id, pubkey, amountSat: amount ? BigInt(amount.value ?? 0) : null, expiry: unixExpiry };
}

function idOf(found: Identifier | undefined, type: Identifier['type']): string {
  if (found?.type !== type || !found.id)
    throw new Refusal('malformed-message', `an identifier of type ${String(found?.type)} found, ${type} expected`);
  return found.id;
}
