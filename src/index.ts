/** The library: what other programs build on. Families export their tables here, one line each. */
export * from './lib/protocol/action.ts';
export * from './lib/protocol/json.ts';
export * from './lib/protocol/refusal.ts';
