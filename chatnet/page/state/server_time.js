/** @file What time it is at the server, whatever this machine's own clock shows. Pure, but for its ports. */

/** @typedef {import("./ports.js").Ports} Ports */

/**
 * The time that the worker told in its welcome, carried on by a clock that nobody sets. That may stand still while the
 * machine sleeps; then the worker hangs up, and the next welcome tells the time anew.
 */
export class ServerTime {
  /** @param {Ports} ports */
  constructor(ports) {
    this.ports = ports;
  }

  /** @type {{time: number, since: number} | null} */
  #told = null;

  /** @param {number | undefined} now what the worker says; older ones do not */
  told(now) {
    if (now !== undefined) this.#told = { time: now, since: this.ports.steady() };
  }

  /** The time, in milliseconds since 1970; until a worker has told it, by this machine's clock. */
  now() {
    const { ports } = this;
    return Math.round(this.#told ? this.#told.time + ports.steady() - this.#told.since : ports.now());
  }
}
