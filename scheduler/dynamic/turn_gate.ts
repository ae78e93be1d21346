/** Calls back when the events that are ready now have been handled. */
export type AfterTurn = (callback: () => void) => void;

/** While requests come one by one, only every so many-th is looked at: watching a turn costs, too. */
const WATCH_EVERY = 16;
/** Turns with a single request after which requests are taken to come one by one again. */
const LONELY_TURNS = 8;

/**
 * Holds requests back until the turn of the event loop ends, so that those that arrive together run together: else the
 * first would run alone while the others are already there. It does so only while requests do come together; one that
 * comes alone is not kept waiting.
 */
export class TurnGate {
  /** The end of this turn is awaited. */
  #watching = false;
  #arrivals = 0;
  #unwatched = 0;
  /** Turns with a single request in a row; requests come together while it is below {@link LONELY_TURNS}. */
  #lonely = LONELY_TURNS;

  /** @param onTurn called at the end of turns in which requests may have been held back. */
  constructor(private readonly afterTurn: AfterTurn, private readonly onTurn: () => void) {}

  /** Counts a request that has come. @returns true if it should wait for the end of the turn. */
  arrived(): boolean {
    if (this.#watching) {
      this.#arrivals++;
      return true;
    }
    const together = this.#lonely < LONELY_TURNS;
    if (!together && ++this.#unwatched < WATCH_EVERY) return false;
    this.#unwatched = 0;
    this.#arrivals = 1;
    this.#watching = true;
    this.afterTurn(this.#end);
    return together;
  }

  readonly #end = (): void => {
    this.#watching = false;
    if (this.#arrivals > 1) this.#lonely = 0;
    else if (this.#lonely < LONELY_TURNS) this.#lonely++;
    this.onTurn();
  };
}
