export * from './things.ts';
export declare function tempDir(): string;
