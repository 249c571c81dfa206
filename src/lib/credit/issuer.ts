/**
 * Issuers of ecash for a contract's sats, fixed by its terms. They are the payee's home itself, a
 * signer that it asks, a mint that a program tells of totals, and a cdk-mintd whose payment backend
 * it is; or nobody.
 */
export const ISSUERS = ['none', 'home', 'signer', 'notify', 'cdk'] as const;
export type Issuer = (typeof ISSUERS)[number];
