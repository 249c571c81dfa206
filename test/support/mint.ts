/**
 * A mint that behaves towards its payment backend as cdk-mintd 0.18 does (read from its sources and seen to): payments are
 * counted once by their id, a quote is checked at the backend when it is looked at, a melt that got no clear answer is
 * recovered at the next start. Over HTTP it serves what wallets ask, with real blind signatures.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import * as grpc from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import * as cts from '@cashu/cashu-ts';
import {
  DESCRIPTOR,
  LOADER,
  PACKAGE,
  SERVICE,
  type Method,
  type Outgoing,
  type PaymentReceived,
  type Replies,
  type Requests,
} from '../../src/lib/cdk/proto.ts';

export interface Quote {
  id: string;
  request: string;
  amount: number | null;
  pubkey: string | null;
  expiry: number | null;
  paid: number;
  issued: number;
  payments: string[];
}
export interface MeltQuote {
  id: string;
  request: string;
  amount: number;
  /** What the mint wants for itself; absent: nothing. */
  fee?: number;
  lookup: string;
  state: 'UNPAID' | 'PENDING' | 'PAID';
  /** The ecash that is locked in it. */
  inputs: string[];
  proof: string | null;
}
interface State {
  quotes: Quote[];
  melts: MeltQuote[];
  /** Secrets of spent or pending ecash. */
  spent: string[];
  pending: string[];
  /** Blind signatures by output. */
  signed: Record<string, Signed>;
}

/** A mint that whoever runs the program has named: at an address of this machine. */
export const at = (url: string) => ({ url, named: true });
export const isNamed = (): boolean => true;

type Events = grpc.ClientReadableStream<{ paymentReceived: PaymentReceived }>;

export class MintError extends Error {
  readonly code: number;
  constructor(text: string, code = 50_000) {
    super(text);
    this.code = code;
  }
}

function makeKeyset(first: number) {
  const secrets = Array.from({ length: 32 }, (_, i) => Buffer.alloc(32, i + first));
  const keys = Object.fromEntries(
    secrets.map((key, i) => [String(2 ** i), Buffer.from(cts.getPubKeyFromPrivKey(key)).toString('hex')]),
  );
  return { secrets, id: cts.deriveKeysetId(keys, { unit: 'sat', versionByte: 1 }), unit: 'sat', keys };
}
const SETS = [makeKeyset(1), makeKeyset(101)];
/** The keyset that it issues under at first, and the one after that. */
export const [KEYSET, NEXT_KEYSET] = SETS.map(({ secrets: _, ...keyset }) => keyset) as [Keyset, Keyset];
type Keyset = { id: string; unit: string; keys: Record<string, string> };
const keyOf = (id: string, amount: number): Buffer => SETS.find((set) => set.id === id)!.secrets[Math.log2(amount)]!;

export class TestMint {
  state: State = { quotes: [], melts: [], spent: [], pending: [], signed: {} };
  url = '';
  /** Seconds between two checks of one quote at the backend. */
  throttle = 0;
  /** The keysets that it has, the active one last. */
  #keysets = [KEYSET];
  /** Every event that the backend has shown, in order. */
  readonly shown: PaymentReceived[] = [];
  /** What it answers to a wallet in place of the truth. @param at method and path, without what differs from quote to quote */
  alter: ((at: string, truth: object) => object) | undefined;
  /** What it is told is lost, as where it dies before it has kept it. */
  deaf = false;
  readonly #checked = new Map<string, number>();
  #client: any;
  /** Status with which each of its streams ended, in order. */
  endings: number[] = [];
  #stream: Events | undefined;
  #http: Server | undefined;
  #down = true;

  /** Serves wallets. */
  async serve(port = 0): Promise<string> {
    const server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const body = parts.length > 0 ? JSON.parse(Buffer.concat(parts).toString()) : undefined;
        const path = (request.url ?? '').split('/').slice(2);
        const answer = this.#route(request.method ?? '', path, body).then(
          (truth) => this.alter?.(`${request.method} ${path.slice(0, 3).join('/')}`, truth) ?? truth,
        );
        answer.then(
          (answer) => response.setHeader('content-type', 'application/json').end(JSON.stringify(answer)),
          (error: Error) => {
            response.statusCode = 400;
            response.end(
              JSON.stringify({ code: error instanceof MintError ? error.code : 50_000, detail: error.message }),
            );
          },
        );
      });
    });
    this.#http = server;
    await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
    return (this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  /** Starts against its backend: opens the stream, recovers melts. */
  async connect(address: string, credentials = grpc.credentials.createInsecure()): Promise<void> {
    const loaded = grpc.loadPackageDefinition(fromJSON(DESCRIPTOR as never, LOADER)) as any;
    this.#client = new loaded[PACKAGE][SERVICE](address, credentials);
    this.#down = false;
    const { custom } = await this.call('GetSettings', {});
    if (!custom['credit']) throw new Error('the backend offers no method credit');
    this.#listen();
    await this.recover();
  }
  /** Stops asking the backend, as a mint that is down. */
  disconnect(): void {
    this.#down = true;
    this.#stream?.cancel();
    this.#client?.close();
    this.#client = undefined;
  }
  async stop(): Promise<void> {
    this.disconnect();
    this.#http?.closeAllConnections();
    await new Promise((done) => (this.#http ? this.#http.close(done) : done(undefined)));
  }
  /** Its database, to be put back later. */
  backUp = (): State => structuredClone(this.state);

  call<M extends Method>(method: M, request: Requests[M]): Promise<Replies[M]> {
    return new Promise((done, fail) => {
      if (!this.#client) return fail(new MintError('the backend is not connected'));
      this.#client[method](request, { deadline: Date.now() + 20_000 }, (error: Error | null, answer: Replies[M]) =>
        error ? fail(error) : done(answer),
      );
    });
  }

  #listen(): void {
    const client = this.#client;
    const stream = client.WaitPaymentEvent({}) as Events;
    this.#stream = stream;
    stream.on('data', ({ paymentReceived }) => {
      this.shown.push(paymentReceived);
      this.#credit(paymentReceived);
    });
    stream.on('status', ({ code }: grpc.StatusObject) => void this.endings.push(code));
    let over = false;
    const again = (): void => {
      if (!over) setTimeout(() => client === this.#client && this.#listen(), 50).unref();
      over = true;
    };
    stream.on('error', again).on('end', again);
  }

  /** A payment counts once in the whole mint, by its id. */
  #credit({ paymentIdentifier, paymentAmount, paymentId }: PaymentReceived): void {
    if (this.deaf) return;
    const quote = this.state.quotes.find(({ id }) => id === paymentIdentifier.id);
    if (!quote || this.state.quotes.some(({ payments }) => payments.includes(paymentId))) return;
    quote.payments.push(paymentId);
    quote.paid += Number(paymentAmount.value);
  }

  async newQuote(body: { amount?: number; pubkey?: string; unit?: string }): Promise<Quote> {
    const id = randomUUID();
    const { amount, pubkey, unit = 'sat' } = body;
    const answer = await this.call('CreatePayment', {
      options: {
        custom: {
          quoteId: id,
          ...(amount !== undefined && { amount: { value: String(amount), unit } }),
          ...(pubkey !== undefined && { pubkey }),
        },
      },
    });
    const quote = {
      id,
      request: answer.request,
      amount: amount ?? null,
      pubkey: pubkey ?? null,
      expiry: answer.expiry === undefined ? null : Number(answer.expiry),
      paid: 0,
      issued: 0,
      payments: [],
    };
    this.state.quotes.push(quote);
    return quote;
  }

  /** What a wallet sees; the backend is asked first. */
  async look(id: string): Promise<Quote> {
    const quote = this.state.quotes.find((q) => q.id === id);
    if (!quote) throw new MintError('Unknown quote');
    const last = this.#checked.get(id) ?? -Infinity;
    if (!this.#down && performance.now() - last >= this.throttle * 1000) {
      this.#checked.set(id, performance.now());
      const { payments = [] } = await this.call('CheckIncomingPayment', {
        requestIdentifier: { type: 'QUOTE_ID', id },
      });
      payments.forEach((payment) => this.#credit(payment));
    }
    return quote;
  }

  async newMelt(request: string, amount?: number): Promise<MeltQuote> {
    if (this.state.quotes.some((quote) => quote.request === request)) throw new Error('would be settled inside');
    const id = randomUUID();
    const answer = await this.call('GetPaymentQuote', {
      request,
      unit: 'sat',
      quoteId: id,
      ...(amount !== undefined && { amount: { value: String(amount), unit: 'sat' } }),
    });
    const lookup = answer.requestIdentifier.id;
    const melt: MeltQuote = {
      id,
      request,
      amount: Number(answer.amount.value),
      lookup,
      state: 'UNPAID',
      inputs: [],
      proof: null,
    };
    this.state.melts.push(melt);
    return melt;
  }

  /** A wallet pays a melt quote with ecash. */
  async melt(melt: MeltQuote, inputs: string[] = []): Promise<MeltQuote> {
    // A second melt of the same request is refused before any ecash is locked.
    if (this.state.melts.some((m) => m !== melt && m.lookup === melt.lookup && m.state !== 'UNPAID'))
      throw new MintError('Invoice already paid or pending', 20_006);
    if (melt.state !== 'UNPAID') throw new MintError('Quote pending', 20_005);
    if (inputs.some((secret) => this.state.spent.includes(secret) || this.state.pending.includes(secret)))
      throw new MintError('Token already spent', 11_001);
    melt.state = 'PENDING';
    melt.inputs = inputs;
    this.state.pending.push(...inputs);
    let answer: Outgoing | undefined;
    try {
      answer = await this.call('MakePayment', {
        paymentOptions: { custom: { offer: melt.request, quoteId: melt.id } },
        unit: 'sat',
      });
    } catch {
      // No answer is no answer: the backend is asked below.
    }
    if (answer?.status === 'PAID') return this.#settle(melt, answer);
    const checked = await this.#check(melt);
    if (checked?.status === 'UNKNOWN' && answer && answer.status !== 'UNKNOWN') return this.#settle(melt, answer);
    return checked ? this.#settle(melt, checked) : melt;
  }
  async #check(melt: MeltQuote): Promise<Outgoing | undefined> {
    return this.call('CheckOutgoingPayment', { requestIdentifier: { type: 'CUSTOM_ID', id: melt.lookup } }).catch(
      () => undefined,
    );
  }
  /** Paid: the ecash is gone. Failed: it is given back. Anything else: it stays where it is. */
  #settle(melt: MeltQuote, { status, paymentProof, totalSpent }: Outgoing): MeltQuote {
    if (status === 'UNKNOWN') return melt;
    this.state.pending = this.state.pending.filter((secret) => !melt.inputs.includes(secret));
    if (status === 'PAID') {
      if (Number(totalSpent.value) < melt.amount) throw new Error('stuck for ever: less spent than quoted');
      this.state.spent.push(...melt.inputs);
      return Object.assign(melt, { state: 'PAID', proof: paymentProof ?? null });
    }
    return Object.assign(melt, { state: 'UNPAID', inputs: [] });
  }
  /** At every start: melts whose payment was attempted. */
  async recover(): Promise<void> {
    for (const melt of this.state.melts.filter(({ state }) => state === 'PENDING')) {
      const checked = await this.#check(melt);
      if (checked) this.#settle(melt, checked);
    }
  }

  /** From now on it issues under the next keyset, and the one before is inactive. */
  rotate(): void {
    this.#keysets = [KEYSET, NEXT_KEYSET];
  }

  #sign(outputs: Output[]): Signed[] {
    for (const { B_, id } of outputs) {
      if (!this.#keysets.some((set) => set.id === id)) throw new MintError('Keyset not found', 12_001);
      if (this.#keysets.at(-1)!.id !== id) throw new MintError('Keyset is inactive', 12_002);
      if (this.state.signed[B_]) throw new MintError('Blinded message already signed', 11_003);
    }
    return outputs.map(({ amount, id, B_ }) => {
      const point = cts.pointFromHex(B_);
      const { e, s } = cts.createDLEQProof(point, keyOf(id, amount));
      const C_ = cts.createBlindSignature(point, keyOf(id, amount), id).C_.toHex(true);
      const dleq = { e: Buffer.from(e).toString('hex'), s: Buffer.from(s).toString('hex') };
      return (this.state.signed[B_] = { amount, id, C_, dleq });
    });
  }
  /** Whether it would take this coin. */
  takes(coin: Input): boolean {
    try {
      return this.#verify([coin]).length === 1;
    } catch {
      return false;
    }
  }
  /** Ecash of this mint, not spent before. */
  #verify(inputs: Input[]): string[] {
    for (const { secret, C, amount, id } of inputs) {
      const unblinded = { C: cts.pointFromHex(C), secret: new TextEncoder().encode(secret), id };
      if (!cts.verifyUnblindedSignature(unblinded, keyOf(id, amount)))
        throw new MintError('Token not verified', 10_001);
      if (this.state.spent.includes(secret) || this.state.pending.includes(secret))
        throw new MintError('Token already spent', 11_001);
    }
    return inputs.map(({ secret }) => secret);
  }

  async #route(method: string, [head, ...rest]: string[], body: any): Promise<object> {
    const at = `${method} ${[head, ...rest.slice(0, 2)].join('/')}`;
    const last = rest.at(-1)!;
    switch (at) {
      case 'GET info':
        return INFO;
      case 'GET keysets':
        return {
          keysets: this.#keysets.map(({ id }, i, { length }) => ({
            id,
            unit: 'sat',
            active: i === length - 1,
            input_fee_ppk: 0,
          })),
        };
      case 'GET keys':
        return { keysets: this.#keysets.slice(-1) };
      case `GET keys/${KEYSET.id}`:
      case `GET keys/${NEXT_KEYSET.id}`:
        return { keysets: this.#keysets.filter(({ id }) => id === last) };
      case 'POST mint/quote/credit':
        return wire(await this.newQuote(body));
      case 'GET mint/quote/credit':
        return wire(await this.look(last));
      case 'POST mint/credit':
        return { signatures: await this.mint(body) };
      case 'POST swap':
        return { signatures: this.swap(body) };
      case 'POST restore': {
        const outputs = (body.outputs as Output[]).filter(({ B_ }) => this.state.signed[B_]);
        return { outputs, signatures: outputs.map(({ B_ }) => this.state.signed[B_]) };
      }
      case 'POST checkstate': {
        const known = (set: string[]) =>
          new Set(set.map((secret) => cts.hashToCurve(new TextEncoder().encode(secret)).toHex(true)));
        const [spent, pending] = [known(this.state.spent), known(this.state.pending)];
        const state = (Y: string) => (spent.has(Y) ? 'SPENT' : pending.has(Y) ? 'PENDING' : 'UNSPENT');
        return { states: (body.Ys as string[]).map((Y) => ({ Y, state: state(Y) })) };
      }
      case 'POST melt/quote/credit':
        return meltWire(await this.newMelt(body.request, body.amount));
      case 'GET melt/quote/credit':
        return meltWire(this.#meltOf(last));
      case 'POST melt/credit': {
        const melt = this.#meltOf(body.quote);
        const secrets = this.#verify(body.inputs);
        if (sum(body.inputs) < melt.amount) throw new MintError('Transaction unbalanced', 11_005);
        return meltWire(await this.melt(melt, secrets));
      }
      default:
        throw new MintError(`${at}: not found`);
    }
  }
  #meltOf(id: string): MeltQuote {
    const melt = this.state.melts.find((m) => m.id === id);
    if (!melt) throw new MintError('Unknown quote');
    return melt;
  }

  /** Blind signatures for coins of the same sum, which are spent. */
  swap(body: { inputs: Input[]; outputs: Output[] }): Signed[] {
    const secrets = this.#verify(body.inputs);
    if (sum(body.inputs) !== sum(body.outputs)) throw new MintError('Transaction unbalanced', 11_005);
    const signatures = this.#sign(body.outputs);
    this.state.spent.push(...secrets);
    return signatures;
  }

  /** Blind signatures for what was paid on a quote and not issued yet. */
  async mint(body: { quote: string; outputs: Output[]; signature?: string }): Promise<object[]> {
    const quote = await this.look(body.quote);
    const messages = body.outputs.map((o) => ({ ...o, amount: cts.Amount.from(o.amount) }));
    if (quote.pubkey !== null && !cts.verifyMintQuoteSignature(quote.pubkey, quote.id, messages, body.signature ?? ''))
      throw new MintError('Witness is missing or invalid', 20_008);
    if (sum(body.outputs) > quote.paid - quote.issued) throw new MintError('Quote not paid', 20_001);
    const signatures = this.#sign(body.outputs);
    quote.issued += sum(body.outputs);
    return signatures;
  }
}

/** A blind signature. */
interface Signed {
  amount: number;
  id: string;
  C_: string;
  dleq?: { e: string; s: string } | undefined;
}
interface Output {
  amount: number;
  id: string;
  B_: string;
}
interface Input {
  amount: number;
  id: string;
  secret: string;
  C: string;
}
const sum = (list: readonly { amount: number }[]): number => list.reduce((all, { amount }) => all + amount, 0);

const METHOD = { method: 'credit', unit: 'sat' };
const INFO = {
  name: 'a test mint',
  version: 'test/0',
  nuts: {
    4: { methods: [METHOD], disabled: false },
    5: { methods: [METHOD], disabled: false },
    7: { supported: true },
    9: { supported: true },
    12: { supported: true },
    20: { supported: true },
  },
};
const wire = (q: Quote): object => ({
  quote: q.id,
  request: q.request,
  method: 'credit',
  unit: 'sat',
  amount: q.amount,
  amount_paid: q.paid,
  amount_issued: q.issued,
  updated_at: 0,
  expiry: q.expiry,
  ...(q.pubkey !== null && { pubkey: q.pubkey }),
});
const meltWire = (m: MeltQuote): object => ({
  quote: m.id,
  request: m.request,
  method: 'credit',
  unit: 'sat',
  amount: m.amount,
  fee_reserve: m.fee ?? 0,
  state: m.state,
  expiry: 4_000_000_000,
  payment_preimage: m.proof,
  change: null,
});
