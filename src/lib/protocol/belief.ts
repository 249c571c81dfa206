/**
 * Beliefs about a record that comes from a restored, copied or merged store: a rule for each field.
 * A family lists its record's fields with their rules (`Beliefs`); a field without one does not
 * compile. `believing` makes of them a `Kind`'s functions for restores.
 * Not here: which states end with a restore, and which of two versions is the later (each family's
 * `restored` and `later`).
 */

/** Rule of one field. Default of `restored`: unchanged; of `merged`: the later version's value. */
export interface Belief<T> {
  restored?: (value: T) => T;
  /** Merges the values of two versions; `earlier` is undefined if that version lacks the field. */
  merged?: (later: T, earlier: T | undefined) => T;
  /** True if the later version gets the earlier one's field when it lacks its own. */
  carried?: true;
}

type KeyOf<R> = R extends unknown ? keyof R : never;
type ValueOf<R, K extends PropertyKey> = R extends unknown ? (K extends keyof R ? R[K] : never) : never;

/** Table with a rule for every field of every member of the union. */
export type Beliefs<R> = {
  readonly [K in KeyOf<R>]-?: Belief<NonNullable<ValueOf<R, K>> | Extract<ValueOf<R, K>, null>>;
};

/** Returns rows of a table of beliefs: one rule for all of these fields. */
export const each = <T, const K extends string>(rule: Belief<T>, ...names: readonly K[]): Record<K, Belief<T>> =>
  Object.fromEntries(names.map((name) => [name, rule])) as Record<K, Belief<T>>;

/** Rule of a field that only the record's own steps change: the later version's value holds. */
export const fixed: Belief<any> = {};

/** Rule of a nonce, proposal or request that a restore ends: it becomes `empty`. */
export const voided = <T>(empty: T): Belief<T> => ({ restored: () => empty });

/** Rule of a mark that stays if either version has it. */
export const remembered: Belief<boolean> = { merged: (later, earlier) => later || (earlier ?? false) };
/** Rule of such a mark that a restore sets. */
export const doubted: Belief<boolean> = { restored: () => true, ...remembered };

/** Rule of a number that only grows: the larger value holds. */
export const largest: Belief<any> = {
  merged: (later, earlier) =>
    earlier !== undefined && earlier !== null && (later === null || earlier > later) ? earlier : later,
};

/** Rule of an event that happens once: the later version's value, or else the earlier one's. */
export const onceOnly: Belief<any> = { merged: (later, earlier) => later ?? earlier ?? later, carried: true };

/** Rule for lists of entries with ids: their union, with the later entry where both have an id. */
export const united = <T>(idOf: (entry: T) => string): Belief<readonly T[]> => ({
  merged: (later, earlier = []) => {
    const known = new Set(later.map(idOf));
    return [...earlier.filter((entry) => !known.has(idOf(entry))), ...later];
  },
});

interface States<R> {
  /** Returns the record in its state after a restore. Its fields still follow their own rules. */
  restored?: (record: R) => R;
  /** Returns whether the first version is later. If neither is, the journal's counts as later. */
  isLater: (one: R, other: R) => boolean;
}

/** Returns the part of a `Kind` about restores, made of the rules of its fields. */
export function believing<R extends object>(
  fields: Beliefs<R>,
  { restored = (record) => record, isLater }: States<R>,
): { restored(record: R): R; merged(mine: R, other: R): R } {
  const ruleOf = (name: string): Belief<any> => fields[name as keyof Beliefs<R>] ?? fixed;
  const made = (names: readonly string[], valueOf: (name: string) => unknown): R =>
    Object.fromEntries(names.map((name) => [name, valueOf(name)])) as R;
  return {
    restored(record) {
      const left = restored(record) as Record<string, unknown>;
      return made(Object.keys(left), (name) => {
        const { restored: rule } = ruleOf(name);
        return rule ? rule(left[name]) : left[name];
      });
    },
    merged(mine, other) {
      const [later, earlier] = (isLater(mine, other) ? [mine, other] : [other, mine]) as Record<string, unknown>[];
      const carried = Object.keys(earlier!).filter((name) => !(name in later!) && ruleOf(name).carried);
      return made([...Object.keys(later!), ...carried], (name) => {
        if (!(name in later!)) return earlier![name];
        const { merged } = ruleOf(name);
        return merged ? merged(later![name], earlier![name]) : later![name];
      });
    },
  };
}
