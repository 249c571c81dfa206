import type { Claim, Kind, OpenNonce } from '../../src/lib/protocol/action.ts';
import type { Commit } from '../../src/lib/protocol/ports.ts';
export declare const hex: (bytes: number) => string;
export interface Thing {
    name: string;
    state: string;
    paid: number;
    claims: Claim[];
}
export declare const thing: (claim: Claim, more?: Partial<Thing>) => Thing;
export declare const things: Kind<Thing>;
/** A write of `record`, read at `rev` under `claim`. */
export declare const write: (claim: Claim | null, rev: number, record: Thing) => Commit['writes'][number];
export declare const commitOf: (more?: Partial<Commit>) => Commit;
export declare const nonceOf: (of: Claim, sighash?: string) => OpenNonce;
