/** Queues with fewer items that are gone are not tidied. */
const FEW = 64;

/** A queue with constant-time ends: an array read from a moving head, compacted now and then. */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /**
   * True if so many of the items are of no use any more that it is time to {@link keep} the others: tidying then costs
   * each item that is gone no more than a few steps, and what is gone never takes more room than what is not.
   */
  mostlyGone(gone: number): boolean {
    return gone > FEW && gone * 2 > this.length;
  }

  /** Drops all other items. */
  keep(wanted: (item: T) => boolean): void {
    this.#items = this.#items.filter((item, index) => index >= this.#head && wanted(item!));
    this.#head = 0;
  }

  /** The first item, left where it is. */
  peek(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
    return item;
  }
}
