/** @file What is kept where nothing can be kept: until the page is closed. */

/** @typedef {import("../state/ports.js").Store} Store */
/** @typedef {import("../state/ports.js").ComposerRecord} ComposerRecord */
/** @typedef {import("../state/outbox.js").PostRecord} PostRecord */

/**
 * @param {ComposerRecord} record
 */
export function isEmpty({ composer }) {
  return !composer.text && !composer.ref && !composer.others.length;
}

/** @implements {Store} */
export class MemoryStore {
  /** @type {Map<string, unknown>} */
  #settings = new Map();
  /** @type {Map<string, ComposerRecord>} */
  #composers = new Map();
  /** @type {Map<string, PostRecord>} */
  #posts = new Map();
  #order = 0;

  isKept() {
    return false;
  }

  onLost() {}

  /** @param {string} name @returns {Promise<any>} */
  async setting(name) {
    return this.#settings.get(name);
  }

  /** @param {string} name @param {unknown} value */
  async keepSetting(name, value) {
    if (value === undefined) this.#settings.delete(name);
    else this.#settings.set(name, value);
  }

  /** @param {string} log @param {string} user */
  async composers(log, user) {
    return [...this.#composers.values()].filter(one => one.log === log && one.user === user);
  }

  /** @param {ComposerRecord} record */
  async keepComposer(record) {
    this.#composer(record);
  }

  /** @param {PostRecord} post @param {ComposerRecord} composer */
  async keepPost(post, composer) {
    this.#posts.set(post.key, { ...post, order: ++this.#order });
    this.#composer(composer);
  }

  /** @param {string} key @param {ComposerRecord | null} composer */
  async dropPost(key, composer) {
    this.#posts.delete(key);
    if (composer) this.#composer(composer);
  }

  /** @param {readonly string[]} keys */
  async handed(keys) {
    for (const key of keys) {
      const post = this.#posts.get(key);
      if (post) this.#posts.set(key, { ...post, wasHanded: true });
    }
  }

  async posts() {
    return [...this.#posts.values()];
  }

  /** @param {string} from @param {string} to @param {string} log @param {string} user */
  async adopt(from, to, log, user) {
    const mine = [...this.#posts.values()]
      .filter(post => post.tab === from && post.log === log && post.user === user)
      .map(post => ({ ...post, tab: to }));
    for (const post of mine) this.#posts.set(post.key, post);
    return mine.sort((one, other) => (one.order ?? 0) - (other.order ?? 0));
  }

  /** @returns {Promise<undefined>} */
  async heard() {
    return undefined;
  }

  async keepHeard() {}

  async forgetHeard() {}

  /** @param {string} log @param {string} user */
  async forget(log, user) {
    for (const [at, one] of this.#composers)
      if (one.log === log && one.user === user) this.#composers.delete(at);
  }

  /** @param {ComposerRecord} record */
  #composer(record) {
    const at = JSON.stringify([record.log, record.user, record.room]);
    if (isEmpty(record)) this.#composers.delete(at);
    else this.#composers.set(at, record);
  }
}
