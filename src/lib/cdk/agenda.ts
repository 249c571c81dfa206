/**
 * Agenda of many ids, each with the time of its next check. Finding due ids costs only their
 * number. Times are milliseconds of one clock, rounded up to slots; the ids of a slot are due
 * together.
 */
const SLOT_MS = 50;

export class Agenda {
  readonly #slots = new Map<number, Set<string>>();
  readonly #slotOf = new Map<string, number>();
  /** No slot before this one holds anything. */
  #first = Infinity;

  get size(): number {
    return this.#slotOf.size;
  }
  has(id: string): boolean {
    return this.#slotOf.has(id);
  }

  /** Schedules an id, and replaces its earlier time. */
  put(id: string, at: number): void {
    this.drop(id);
    const slot = Math.ceil(at / SLOT_MS);
    const there = this.#slots.get(slot);
    if (there) there.add(id);
    else this.#slots.set(slot, new Set([id]));
    this.#slotOf.set(id, slot);
    this.#first = Math.min(this.#first, slot);
  }

  drop(id: string): void {
    const slot = this.#slotOf.get(id);
    if (slot === undefined) return;
    this.#slotOf.delete(id);
    const there = this.#slots.get(slot)!;
    there.delete(id);
    if (there.size === 0) this.#slots.delete(slot);
  }

  /**
   * Returns a limited number of the things that are due, in their order; they stay until they are
   * put or dropped.
   */
  due(now: number, most: number): string[] {
    const found: string[] = [];
    const last = Math.floor(now / SLOT_MS);
    // Slots that are empty by now are passed once.
    while (this.#first <= last && !this.#slots.has(this.#first)) this.#first += 1;
    for (let slot = this.#first; slot <= last; slot++)
      for (const id of this.#slots.get(slot) ?? []) {
        if (found.length === most) return found;
        found.push(id);
      }
    return found;
  }
}
