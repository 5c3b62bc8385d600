/**
 * @file How one enters: a free name is one's own at once. Pure, but for its ports.
 *
 * The secret of a new name is made here, and on this browser's disk before it is sent: if the answer is lost, the same
 * one is asked again, also by the next page. Once there is an answer, the cookie has it, and it is forgotten here.
 */

import { encoded } from "./keys.js";
import { foldName } from "./names.js";

const SECRET_BYTES = 32;
const DEVICE_BYTES = 16;
const FIRST_RETRY = 250;
const LONGEST_RETRY = 8000;
/** What the server wants instead of what it was given. */
const WANTS = /** @type {Record<string, import("./app.js").Entering["wants"]>} */ ({
  WRONG_SECRET: "password",
  CODE_NEEDED: "code",
  BAD_CODE: "code",
  NAME_KEPT: "code",
});

/** @typedef {import("./app.js").Entering} Entering */
/** @typedef {import("./ports.js").Ports} Ports */
/** @typedef {{name: string, password?: string, code?: string, label?: string}} Form */

export class EntryForm {
  /**
   * @param {Ports} ports
   * @param {() => void} changed
   * @param {(name: string, log: string) => void} entered
   */
  constructor(ports, changed, entered) {
    this.ports = ports;
    this.changed = changed;
    this.entered = entered;
    /** @type {Entering} */
    this.shown = { name: "", wants: "name", signup: "", isAsking: false, code: "", sentence: "" };
  }

  #attempt = 0;
  /** @type {() => void} */
  #cancel = () => {};

  /**
   * @param {import("./messages.js").About["signup"]} signup
   */
  async begin(signup) {
    this.#show({ signup, isAsking: false });
    /** @type {import("./ports.js").EnteringRecord | undefined} */
    const asked = await this.ports.store.setting("entering");
    // The page was closed before the answer came: the name may be ours by now.
    if (asked && !this.shown.isAsking) this.enter(asked);
  }

  /** @param {Form} form */
  async enter(form) {
    const attempt = this.#begin();
    const name = foldName(form.name);
    if (!name) {
      this.#show({ name: form.name, wants: "name", isAsking: false, code: "BAD_NAME", sentence: "" });
      return;
    }
    this.#show({ name, isAsking: true, code: "", sentence: "" });
    const body = await this.#bodyOf({ ...form, name });
    for (let tries = 0; attempt === this.#attempt; tries++) {
      const answer = await this.ports.api("POST", "/session", body).catch(() => null);
      if (attempt !== this.#attempt) return;
      if (answer !== null && answer.status < 300) {
        // Where the browser keeps no cookies, what is kept here is all that opens the name.
        const about = await this.ports.api("GET", "/about").catch(() => null);
        if (attempt !== this.#attempt) return;
        if (about?.status === 200 && about.body?.user === null) {
          this.#show({ isAsking: false, code: "NO_COOKIE", sentence: "" });
          return;
        }
        await this.ports.store.keepSetting("entering", undefined);
        this.#show({ isAsking: false, code: "", sentence: "" });
        this.entered(answer.body.name, answer.body.log);
        return;
      }
      if (answer !== null && answer.status < 500 && answer.body?.code !== "TRY_LATER") {
        await this.#refused(answer.body, !!form.password);
        return;
      }
      const { code = "NO_ANSWER", detail = "" } = answer?.body ?? {};
      this.#show({ code, sentence: detail });
      await this.#pause(Math.max(Math.min(FIRST_RETRY * 2 ** tries, LONGEST_RETRY), answer?.later ?? 0));
    }
  }

  /**
   * Log in without the form; returns whether this is the password.
   * @param {string} name
   * @param {string} password
   */
  async logIn(name, password) {
    const body = await this.#bodyOf({ name, password });
    const answer = await this.ports.api("POST", "/session", body).catch(() => null);
    return answer !== null && answer.status < 300;
  }

  /**
   * Somebody was logged out, and will come in again.
   * @param {string} name
   * @param {boolean} hasPassword
   */
  expect(name, hasPassword) {
    this.#show({ name, wants: hasPassword ? "password" : "name", code: "", sentence: "" });
  }

  /** Take back what is being asked, and begin with the name again. */
  leave() {
    this.#begin();
    this.ports.store.keepSetting("entering", undefined);
    this.#show({ wants: "name", isAsking: false, code: "", sentence: "" });
  }

  /** There may be a network again. */
  nudge() {
    this.#cancel();
  }

  stop() {
    this.#begin();
  }

  #begin() {
    this.#cancel();
    return ++this.#attempt;
  }

  /** @param {Form} form */
  async #bodyOf({ name, password, code = "", label = "" }) {
    const { store, entropy } = this.ports;
    let device = await store.setting("device");
    if (typeof device !== "string") {
      device = encoded(entropy(DEVICE_BYTES));
      await store.keepSetting("device", device);
    }
    const known = { name, device, ...(label ? { label } : {}) };
    if (password) return { ...known, password };
    /** @type {import("./ports.js").EnteringRecord | undefined} */
    const before = await store.setting("entering");
    const secret = before?.name === name ? before.secret : encoded(entropy(SECRET_BYTES));
    await store.keepSetting("entering", { name, secret, code, label });
    return { ...known, secret, new: true, ...(code ? { code } : {}) };
  }

  /**
   * @param {{code?: string, detail?: string} | null} problem
   * @param {boolean} hadPassword
   */
  async #refused(problem, hadPassword) {
    await this.ports.store.keepSetting("entering", undefined);
    const code = problem?.code ?? "INTERNAL_FAILURE";
    // That a name is taken is no mistake of the user's: ask for its password without blame, until one was given.
    const isNew = code === "WRONG_SECRET" && !hadPassword;
    const wants = WANTS[code] ?? (code === "NO_SUCH_USER" ? "name" : this.shown.wants);
    this.#show({
      wants,
      isAsking: false,
      code: isNew ? "NAME_TAKEN" : code,
      sentence: problem?.detail ?? "",
    });
  }

  /** @param {number} ms */
  #pause(ms) {
    return new Promise(
      /** @param {(value?: undefined) => void} go */ go => {
        const cancel = this.ports.later(ms, go);
        this.#cancel = () => {
          cancel();
          go();
        };
      },
    );
  }

  /** @param {Partial<Entering>} change */
  #show(change) {
    this.shown = { ...this.shown, ...change };
    this.changed();
  }
}
