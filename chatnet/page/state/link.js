/**
 * @file The connection to a worker: when to dial, whom to believe, when to give up and dial again. Pure.
 *
 * It is told what happens, and answers what is to be done. One state at a time:
 *
 *     idle ──start──> dialing ──opened──> greeting ──welcome──> online ──moved──> leaving ──answered──> dialing
 *                        ^                                        │
 *                        └── waiting <── any of them: closed, or no answer in time
 *
 * and from each of them `stop` leads to idle, and `bye` to ended. Who leaves dials beside: the worker that sent them
 * elsewhere is heard until the next one has answered; one that refuses leads back to leaving, for a pause.
 */

/** How long the first answer may take; doubled for each attempt that took too long, up to the second. */
export const FIRST_ANSWER = 2000;
const LONGEST_FIRST_ANSWER = 20000;
/** The first pause is drawn from 0 to this, doubled up to the second. */
export const SHORTEST = 50;
export const LONGEST = 10000;
/** The longest pause while somebody looks on who has said something that waits here. */
export const LONGEST_HURRIED = 3000;
/** A connection that has lasted so long was a good one: the next pause is short. */
const GOOD = 1000;
/** A socket that is refused once may have met a worker that was just dying: that is asked about from the second one on. */
const FEWEST_ATTEMPTS = 2;
/** A tick that comes so much too late: the machine slept, or the tab did. */
export const SLEPT = 5000;
/** How long a pong may take. */
export const PONG = 3000;
/** After so much silence the worker is asked whether it is there: at once if an answer is awaited, or sooner. */
const SILENCE = 30000;
const SILENCE_AWAITING = 5000;
/** How long one waits for open answers once the worker has said that one has to move. */
const LEAVING = 2000;
export const TICK = 2000;

/** Why a worker closes. */
const MOVED = 4001;
const ENDED = 4002;

/**
 * @typedef {{is: "idle"} | {is: "waiting", until: number} | {is: "dialing", until: number, isBeside: boolean} |
 *   {is: "greeting", until: number} | {is: "online", since: number} |
 *   {is: "leaving", until: number} | {is: "ended", code: string, sentence: string}} LinkState
 */

/**
 * What to do: dial a new socket (whatever is there is closed before; if `isBeside`, once the new one is open), close it, say
 * hello, send a ping, or ask by HTTP whether somebody is logged in (a socket that is refused says no reason).
 * @typedef {{do: "dial", isBeside: boolean} | {do: "close"} | {do: "hello"} | {do: "ping", n: number} | {do: "ask who"}} Act
 */

export class Link {
  /** @param {() => number} random from 0 to below 1 */
  constructor(random) {
    this.random = random;
    /** @type {LinkState} */
    this.state = { is: "idle" };
    this.attempts = 0;
    this.slow = 0;
    this.pings = 0;
    /** @type {{n: number, until: number} | null} */
    this.pinged = null;
    this.heard = 0;
    this.ticked = -Infinity;
    /** Since when there is no connection. */
    this.lostAt = 0;
  }

  get isOnline() {
    return this.state.is === "online";
  }

  /** Whether a worker tells us what is said. */
  get isHearing() {
    const { state } = this;
    return state.is === "dialing" ? state.isBeside : state.is === "online" || state.is === "leaving";
  }

  /**
   * @param {number} now
   * @returns {Act[]}
   */
  start(now) {
    if (this.state.is !== "idle" && this.state.is !== "ended") return [];
    this.attempts = 0;
    this.lostAt = now;
    return this.#dial(now);
  }

  /** @returns {Act[]} */
  stop() {
    const hasSocket = this.#hasSocket();
    this.state = { is: "idle" };
    return hasSocket ? [{ do: "close" }] : [];
  }

  /**
   * @param {number} now
   * @returns {Act[]}
   */
  opened(now) {
    if (this.state.is !== "dialing") return [];
    this.#lost(now);
    this.heard = now;
    this.state = { is: "greeting", until: this.state.until };
    return [{ do: "hello" }];
  }

  /**
   * Something came. Only then is there an answer in time.
   * @param {number} now
   */
  came(now) {
    this.heard = now;
    this.pinged = null;
    this.slow = 0;
  }

  /** @param {number} now */
  welcomed(now) {
    if (this.state.is === "greeting") this.state = { is: "online", since: now };
  }

  /**
   * The socket is closed: dial again, soon, unless one has to log in. Of two it is the new one.
   * @param {number} now
   * @param {number} code
   * @returns {Act[]}
   */
  closed(now, code) {
    const before = this.state;
    if (!this.#hasSocket()) return [];
    if (before.is === "dialing" && before.isBeside) return this.#wait(now, "leaving");
    this.#lost(now);
    if (before.is === "leaving" || code === MOVED) return this.#dial(now);
    const acts = this.#wait(now);
    // A refused upgrade says no more than that; and a session may have ended while nobody was connected.
    const isRefused = before.is === "dialing" || before.is === "greeting";
    const mayBeOut = (isRefused && this.attempts >= FEWEST_ATTEMPTS) || code === ENDED;
    return mayBeOut ? [...acts, { do: "ask who" }] : acts;
  }

  /**
   * The worker sends us elsewhere: send nothing more.
   * @param {number} now
   */
  moved(now) {
    if (this.state.is === "online") this.state = { is: "leaving", until: now + LEAVING };
  }

  /**
   * All that was sent before `moved` is answered.
   * @param {number} now
   * @returns {Act[]}
   */
  left(now) {
    if (this.state.is !== "leaving") return [];
    this.attempts = 1;
    return this.#dial(now, true);
  }

  /**
   * The worker that sent us elsewhere has hung up before the next one has answered.
   * @param {number} now
   */
  formerClosed(now) {
    this.#lost(now);
    if (this.state.is === "dialing") this.state.isBeside = false;
  }

  /**
   * Something waits here, and its author looks on: make the pause no longer than it may be then.
   * @param {number} now
   */
  hurry(now) {
    const { state } = this;
    if (state.is === "waiting" && state.until > now + LONGEST_HURRIED)
      state.until = now + this.random() * LONGEST_HURRIED;
  }

  /**
   * The session is over.
   * @param {string} code
   * @param {string} sentence
   * @returns {Act[]}
   */
  ended(code, sentence) {
    const hasSocket = this.#hasSocket();
    this.state = { is: "ended", code, sentence };
    return hasSocket ? [{ do: "close" }] : [];
  }

  /**
   * There may be a network again, or somebody looks again: dial at once, or look whether the worker is there.
   * @param {number} now
   * @returns {Act[]}
   */
  nudged(now) {
    if (this.state.is === "waiting") return this.#dial(now);
    return this.#ping(now);
  }

  /**
   * Time has passed. `isAwaiting`: something is unanswered.
   * @param {number} now
   * @param {boolean} isAwaiting
   * @returns {Act[]}
   */
  tick(now, isAwaiting) {
    const slept = now - this.ticked > TICK + SLEPT && this.ticked > -Infinity;
    this.ticked = now;
    const { state } = this;
    if (state.is === "waiting") return now >= state.until || slept ? this.#dial(now) : [];
    if (state.is === "dialing" || state.is === "greeting") {
      if (now < state.until) return [];
      this.slow++;
      const acts = this.#again(now);
      return [...acts, { do: "ask who" }];
    }
    if (state.is === "leaving") return now >= state.until ? this.#dial(now, true) : [];
    if (state.is !== "online") return [];
    if (this.pinged !== null) return now >= this.pinged.until ? this.#again(now) : [];
    const silence = now - this.heard;
    if (slept || silence >= SILENCE || (isAwaiting && silence >= SILENCE_AWAITING)) return this.#ping(now);
    return [];
  }

  /**
   * Before which time {@link tick} has to be called; at the latest every {@link TICK}.
   * @param {number} now
   */
  nextTick(now) {
    const { state } = this;
    const until = "until" in state ? state.until : (this.pinged?.until ?? Infinity);
    return Math.max(0, Math.min(until - now, TICK));
  }

  /**
   * @param {number} now
   * @param {boolean} isBeside
   * @returns {Act[]}
   */
  #dial(now, isBeside = false) {
    const wait = Math.min(FIRST_ANSWER * 2 ** this.slow, LONGEST_FIRST_ANSWER);
    this.state = { is: "dialing", until: now + wait, isBeside };
    this.pinged = null;
    return [{ do: "dial", isBeside }];
  }

  /**
   * @param {number} now
   * @param {"waiting" | "leaving"} is
   * @returns {Act[]}
   */
  #wait(now, is = "waiting") {
    const most = Math.min(LONGEST, SHORTEST * 2 ** Math.min(this.attempts, 20));
    this.attempts++;
    this.state = { is, until: now + this.random() * most };
    return [];
  }

  /**
   * @param {number} now
   * @returns {Act[]}
   */
  #again(now) {
    this.#lost(now);
    this.attempts++;
    return [{ do: "close" }, ...this.#dial(now)];
  }

  /** @param {number} now */
  #lost(now) {
    if (this.isHearing) {
      this.lostAt = now;
      if (this.state.is !== "online" || now - this.state.since >= GOOD) this.attempts = 0;
    }
  }

  /**
   * @param {number} now
   * @returns {Act[]}
   */
  #ping(now) {
    if (this.state.is !== "online" || this.pinged !== null) return [];
    this.pings++;
    this.pinged = { n: this.pings, until: now + PONG };
    return [{ do: "ping", n: this.pings }];
  }

  #hasSocket() {
    return !["idle", "waiting", "ended"].includes(this.state.is);
  }
}
