/**
 * @file The other tabs of this browser: which of them live, and what they tell each other.
 *
 * A tab holds a lock that has its name; whoever gets that lock knows that the tab is gone. Locks only say who sends what:
 * that it is sent once is the work of the keys. On a page that is not secure (plain HTTP, and not of this machine)
 * there are no locks, and where a browser may keep nothing they cannot be had: then any other tab counts as gone.
 */

/** @typedef {import("../state/ports.js").Tabs} Tabs */
/** @typedef {import("../state/ports.js").TabMessage} TabMessage */

/** @implements {Tabs} */
export class BrowserTabs {
  /**
   * @param {string} id
   * @param {LockManager | undefined} locks
   * @param {BroadcastChannel | null} channel null: tabs cannot tell each other anything
   */
  constructor(id, locks, channel) {
    this.id = id;
    this.locks = locks;
    this.channel = channel;
    /** @type {(message: TabMessage) => void} */
    this.listener = () => {};
    this.speaks = locks === undefined;
    /** @type {AbortController | null} */
    this.here = null;
    channel?.addEventListener("message", event => this.#heard(event.data));
  }

  begin() {
    if (this.here !== null) return;
    const here = new AbortController();
    this.here = here;
    this.#hold(lockOf(this.id), here, () => this.say({ t: "here", tab: this.id, isNew: true }));
    this.#hold("chatnet-speaker", here, () => {
      this.speaks = true;
    });
  }

  end() {
    this.here?.abort();
    this.here = null;
    this.speaks = this.locks === undefined;
  }

  /** @param {string} tab */
  async gone(tab) {
    if (this.locks === undefined || tab === this.id) return;
    await this.locks.request(lockOf(tab), () => {}).catch(() => {});
  }

  /** @param {TabMessage} message */
  say(message) {
    this.channel?.postMessage(message);
  }

  /** @param {(message: TabMessage) => void} listener */
  onMessage(listener) {
    this.listener = listener;
  }

  isSpeaker() {
    return this.speaks;
  }

  isKeeper() {
    return this.speaks && this.locks !== undefined;
  }

  /** @param {TabMessage} message */
  #heard(message) {
    if (message.t === "here" && message.isNew && this.here !== null)
      this.say({ t: "here", tab: this.id, isNew: false });
    // Without locks nobody knows when that tab is gone.
    if (message.t !== "here" || this.locks !== undefined) this.listener(message);
  }

  /**
   * Hold a lock, from when it is free until we are not here any more.
   * @param {string} name
   * @param {AbortController} here
   * @param {() => void} held
   */
  #hold(name, here, held) {
    const { signal } = here;
    this.locks
      ?.request(name, { signal }, () => {
        held();
        return new Promise(
          /** @param {(value?: undefined) => void} release */ release => {
            signal.addEventListener("abort", () => release());
          },
        );
      })
      .catch(() => {}); // it was still waiting when we went
  }
}

/** @param {string} tab */
const lockOf = tab => `chatnet-tab-${tab}`;
