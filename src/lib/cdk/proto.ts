/**
 * The gRPC service by which cdk-mintd calls its payment backend, as far as the method `credit` uses
 * it: `cdk_payment_processor.CdkPaymentProcessor`, protocol 4. Its form is protobufjs' own: no file
 * beside the program, no compiler.
 *
 * Field numbers are those of the crate cdk-payment-processor 0.18.3. Fields left out here are
 * skipped when read.
 */

type Field = readonly [type: string, id: number, kind?: 'repeated' | 'optional'];
const message = (fields: Readonly<Record<string, Field>>) => ({
  fields: Object.fromEntries(
    Object.entries(fields).map(([name, [type, id, kind]]) => [
      name,
      {
        type,
        id,
        ...(kind === 'repeated' && { rule: kind }),
        ...(kind === 'optional' && { options: { proto3_optional: true } }),
      },
    ]),
  ),
  // How protobuf writes down that a field may be absent.
  oneofs: Object.fromEntries(
    Object.entries(fields)
      .filter(([, [, , kind]]) => kind === 'optional')
      .map(([name]) => [`_${name}`, { oneof: [name] }]),
  ),
});
const method = (requestType: string, responseType: string, responseStream = false) => ({
  requestType,
  responseType,
  ...(responseStream && { responseStream }),
});

export const PACKAGE = 'cdk_payment_processor';
export const SERVICE = 'CdkPaymentProcessor';

const nested = {
  [SERVICE]: {
    methods: {
      GetSettings: method('EmptyRequest', 'SettingsResponse'),
      CreatePayment: method('CreatePaymentRequest', 'CreatePaymentResponse'),
      GetPaymentQuote: method('PaymentQuoteRequest', 'PaymentQuoteResponse'),
      MakePayment: method('MakePaymentRequest', 'MakePaymentResponse'),
      CheckIncomingPayment: method('IdentifierRequest', 'CheckIncomingPaymentResponse'),
      CheckOutgoingPayment: method('IdentifierRequest', 'MakePaymentResponse'),
      WaitPaymentEvent: method('EmptyRequest', 'PaymentEventResponse', true),
    },
  },
  EmptyRequest: message({}),
  AmountMessage: message({ value: ['uint64', 1], unit: ['string', 2] }),
  SettingsResponse: {
    fields: {
      unit: { type: 'string', id: 1 },
      custom: { keyType: 'string', type: 'string', id: 4 },
    },
  },
  PaymentIdentifierType: {
    values: {
      UNSPECIFIED: 0,
      PAYMENT_HASH: 1,
      OFFER_ID: 2,
      LABEL: 3,
      BOLT12_PAYMENT_HASH: 4,
      CUSTOM_ID: 5,
      PAYMENT_ID: 6,
      QUOTE_ID: 7,
    },
  },
  QuoteState: { values: { UNSPECIFIED: 0, UNPAID: 1, PAID: 2, PENDING: 3, UNKNOWN: 4, FAILED: 5, ISSUED: 6 } },
  PaymentIdentifier: message({ type: ['PaymentIdentifierType', 1], id: ['string', 3] }),
  IdentifierRequest: message({ requestIdentifier: ['PaymentIdentifier', 1] }),

  CustomIncoming: message({
    amount: ['AmountMessage', 2],
    unixExpiry: ['uint64', 3, 'optional'],
    quoteId: ['string', 6],
    pubkey: ['string', 7, 'optional'],
  }),
  IncomingOptions: message({ custom: ['CustomIncoming', 3] }),
  CreatePaymentRequest: message({ options: ['IncomingOptions', 2] }),
  CreatePaymentResponse: message({
    requestIdentifier: ['PaymentIdentifier', 1],
    request: ['string', 2],
    expiry: ['uint64', 3, 'optional'],
  }),

  PaymentQuoteRequest: message({
    request: ['string', 1],
    unit: ['string', 2],
    quoteId: ['string', 6],
    amount: ['AmountMessage', 8],
  }),
  PaymentQuoteResponse: message({
    requestIdentifier: ['PaymentIdentifier', 1],
    amount: ['AmountMessage', 2],
    fee: ['AmountMessage', 3],
    state: ['QuoteState', 4],
  }),

  CustomOutgoing: message({ offer: ['string', 1], quoteId: ['string', 7] }),
  OutgoingVariant: message({ custom: ['CustomOutgoing', 3] }),
  MakePaymentRequest: message({ paymentOptions: ['OutgoingVariant', 1], unit: ['string', 4] }),
  MakePaymentResponse: message({
    paymentIdentifier: ['PaymentIdentifier', 1],
    paymentProof: ['string', 2, 'optional'],
    status: ['QuoteState', 3],
    totalSpent: ['AmountMessage', 4],
  }),

  PaymentReceived: message({
    paymentIdentifier: ['PaymentIdentifier', 1],
    paymentAmount: ['AmountMessage', 2],
    paymentId: ['string', 3],
  }),
  CheckIncomingPaymentResponse: message({ payments: ['PaymentReceived', 1, 'repeated'] }),
  PaymentEventResponse: message({ paymentReceived: ['PaymentReceived', 1] }),
};

/** Descriptor as protobufjs' `Root.fromJSON` takes it. */
export const DESCRIPTOR = { nested: { [PACKAGE]: { nested } } };

export interface Amount {
  /** A whole number in text: protobuf's uint64. */
  value: string;
  unit: string;
}
export interface Identifier {
  type: 'CUSTOM_ID' | 'QUOTE_ID' | (string & {});
  id: string;
}
export interface PaymentReceived {
  paymentIdentifier: Identifier;
  paymentAmount: Amount;
  paymentId: string;
}
export interface Requests {
  GetSettings: object;
  CreatePayment: { options?: { custom?: { amount?: Amount; unixExpiry?: string; quoteId?: string; pubkey?: string } } };
  GetPaymentQuote: { request?: string; unit?: string; quoteId?: string; amount?: Amount };
  MakePayment: { paymentOptions?: { custom?: { offer?: string; quoteId?: string } }; unit?: string };
  CheckIncomingPayment: { requestIdentifier?: Identifier };
  CheckOutgoingPayment: { requestIdentifier?: Identifier };
}
export interface Outgoing {
  paymentIdentifier: Identifier;
  paymentProof?: string;
  status: 'PAID' | 'FAILED' | 'UNKNOWN';
  totalSpent: Amount;
}
export interface Replies {
  GetSettings: { unit: string; custom: Record<string, string> };
  CreatePayment: { requestIdentifier: Identifier; request: string; expiry?: string };
  GetPaymentQuote: { requestIdentifier: Identifier; amount: Amount; fee: Amount; state: 'UNPAID' };
  MakePayment: Outgoing;
  CheckIncomingPayment: { payments: PaymentReceived[] };
  CheckOutgoingPayment: Outgoing;
}
export type Method = keyof Requests;

/**
 * Form of messages in JavaScript: numbers of 64 bits as text, names of enumerations as text, absent
 * fields absent.
 */
export const LOADER = { longs: String, enums: String, defaults: false, oneofs: false };
