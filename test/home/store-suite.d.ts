import type { HomeStore } from '../../src/lib/home/store.ts';
/** @param make a new, empty store of the seed of `sqlite.test.ts`; the suite closes it */
export declare function storeSuite(name: string, make: () => Promise<HomeStore>): void;
