/**
 * Who issues ecash for a contract's sats, fixed by its terms: the payee's home itself, a signer that it asks, a mint that
 * it tells of totals by a program, a cdk-mintd whose payment backend it is, or nobody.
 */
export const ISSUERS = ['none', 'home', 'signer', 'notify', 'cdk'] as const;
export type Issuer = (typeof ISSUERS)[number];
