/** @file Time that tests move, and chance that they repeat. */

export class FakeClock {
  constructor(start = 1_700_000_000_000) {
    this.start = start;
    this.ticks = 0;
    /** How long the machine has slept. */
    this.slept = 0;
    /** How much the clock on the wall is wrong of the machine that a page is on. */
    this.wrong = 0;
    /** @type {{at: number, order: number, act: () => void}[]} */
    this.calls = [];
    this.made = 0;
  }

  now() {
    return this.start + this.ticks;
  }

  /** The clock on the wall of that machine. */
  wall() {
    return this.now() + this.wrong;
  }

  /** Its clock that nobody sets, which stands still while it sleeps. */
  steady() {
    return this.ticks - this.slept;
  }

  /**
   * @param {number} ms
   * @param {() => void} act
   */
  later(ms, act) {
    const call = { at: this.ticks + Math.ceil(Math.max(0, ms)), order: this.made++, act };
    this.calls.push(call);
    return () => {
      this.calls = this.calls.filter(one => one !== call);
    };
  }

  /**
   * Let time pass, and what is due happen, with all that follows from it.
   * @param {number} ms
   */
  async pass(ms) {
    const end = this.ticks + ms;
    for (;;) {
      await settled();
      const due = this.calls
        .filter(call => call.at <= end)
        .sort((one, other) => one.at - other.at || one.order - other.order)[0];
      if (due === undefined) break;
      this.calls = this.calls.filter(one => one !== due);
      this.ticks = Math.max(this.ticks, due.at);
      due.act();
    }
    this.ticks = end;
    await settled();
  }

  /**
   * The machine sleeps: time passes, and nothing happens meanwhile.
   * @param {number} ms
   */
  async sleep(ms) {
    this.ticks += ms;
    this.slept += ms;
    await this.pass(0);
  }
}

/** Let all promises run on that can. */
export async function settled() {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
}

/**
 * Return numbers that look random, the same for the same seed (mulberry32).
 * @param {number} seed
 * @returns {() => number} from 0 to below 1
 */
export function drawn(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
