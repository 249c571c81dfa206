/**
 * Issuers of ecash for a contract's sats, fixed by its terms. `home`: the payee's home itself.
 * `signer`: a signer that it asks. `notify`: a mint that a program tells of totals. `cdk`: a
 * cdk-mintd whose payment backend it is. `none`: nobody.
 */
export const ISSUERS = ['none', 'home', 'signer', 'notify', 'cdk'] as const;
export type Issuer = (typeof ISSUERS)[number];
