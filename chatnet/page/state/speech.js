/** @file What the user says and orders, from the composer to the answer: kept before it is sent, in the order made. */

import { freshKey } from "./keys.js";
import { ALL, asSent, spelledFor, unslashed, wrongText } from "./names.js";
import { Refused } from "./refused.js";

const COMPOSER_EVERY = 250;
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 30000;

/** @typedef {import("./app.js").Cursor} Cursor */
/** @typedef {import("./outbox.js").Draft} Draft */

export class Speech {
  /** @param {import("./chat.js").Chat} chat */
  constructor(chat) {
    this.chat = chat;
  }

  /** @type {Map<string, {answered: (results: Record<string, any>) => void, refused: (why: Refused) => void}>} */
  #orders = new Map();
  /** @type {Map<string, () => void>} the composers that are to be kept soon */
  #writing = new Map();

  /**
   * @param {string} key
   * @param {Record<string, any>} results
   */
  ok(key, results) {
    const draft = this.chat.outbox.find(key);
    if (draft === undefined) return;
    this.chat.outbox.answered(key, results.seq ?? 0);
    if (draft.post) {
      this.chat.ports.store.dropPost(key, null);
      this.pendingChanged(draft.post.room);
      this.passed();
      return;
    }
    this.#ordered(draft, results);
    this.#orders.get(key)?.answered(results);
    this.#orders.delete(key);
  }

  /**
   * Something that the user has ordered is done.
   * @param {Draft} draft
   * @param {Record<string, any>} results
   */
  #ordered(draft, results) {
    const { places, name } = this.chat;
    const room = spelledFor(String(results.room ?? draft.words.room ?? ""), name);
    if (draft.t === "leave") places.left(room, results.seq);
    if (draft.t === "join" || draft.t === "create") places.joined(room, results.seq);
  }

  /**
   * @param {string} key
   * @param {string} code
   * @param {string} sentence
   */
  refused(key, code, sentence) {
    const draft = this.chat.outbox.find(key);
    if (draft === undefined) return;
    const pause = Math.min(FIRST_WAIT * 2 ** draft.tries, LONGEST_WAIT);
    if (!this.chat.outbox.refused(key, code, this.chat.ports.ticks(), pause)) return;
    if (draft.post) this.#backIntoComposer(draft, { code, sentence });
    if (draft.t === "join" && code === "NO_SUCH_ROOM") this.chat.places.dismiss(String(draft.words.room));
    this.#orders.get(key)?.refused(new Refused(code, sentence));
    this.#orders.delete(key);
  }

  /**
   * @param {Draft} draft
   * @param {{code: string, sentence: string} | null} refusal
   */
  #backIntoComposer(draft, refusal) {
    const { post } = draft;
    if (post === null) return;
    this.chat.composers.putBack(post.room, post, refusal);
    this.chat.ports.store.dropPost(post.key, this.#composerToKeep(post.room));
    this.pendingChanged(post.room);
    this.chat.told.changed(`composer:${post.room}`);
  }

  /** @param {Draft[]} handing */
  async hand(handing) {
    const keys = handing.map(draft => draft.key);
    await this.chat.ports.store.handed(keys);
    for (const key of keys) this.chat.outbox.handed(key);
    this.chat.flush();
  }

  /**
   * Write a post to disk, and send it.
   * @param {string} room
   * @param {"" | "notice" | "action"} form
   */
  send(room, form) {
    const composer = this.chat.composers.of(room);
    const typed = unslashed(asSent(composer.text));
    const { text } = typed;
    const wrong = typed.isUnknown ? "COMMAND" : wrongText(text);
    if (wrong) {
      if (wrong !== "EMPTY") {
        this.chat.composers.set(room, { ...composer, refusal: { code: wrong, sentence: "" } });
        this.chat.told.changed(`composer:${room}`);
      }
      return false;
    }
    const post = {
      key: this.#freshKey(),
      log: this.chat.log,
      user: this.chat.name,
      tab: this.chat.ports.tabs.id,
      room: room === ALL ? this.chat.name : room,
      text,
      ref: composer.ref,
      form: typed.isAction ? "action" : form,
      made: this.chat.ports.now(),
      wasHanded: this.chat.link.isOnline,
    };
    this.chat.outbox.add(post);
    this.chat.composers.taken(room);
    this.#composerChanged(room);
    this.pendingChanged(post.room);
    this.#keepPost(post, room);
    return true;
  }

  /**
   * @param {import("./ports.js").PostRecord} post
   * @param {string} room
   */
  async #keepPost(post, room) {
    await this.chat.ports.store.keepPost(post, this.#composerToKeep(room));
    this.chat.outbox.kept(post.key);
    this.pendingChanged(post.room);
    this.chat.flush();
  }

  #freshKey() {
    return freshKey(this.chat.ports.now(), this.chat.ports.entropy);
  }

  /**
   * @param {string} t
   * @param {Record<string, unknown>} words
   * @returns {Promise<Record<string, any>>}
   */
  order(t, words) {
    const key = this.#freshKey();
    this.chat.outbox.order(key, t, words);
    /** @type {Promise<Record<string, any>>} */
    const done = new Promise((answered, refused) => {
      this.#orders.set(key, { answered, refused });
    });
    this.chat.flush();
    return done;
  }

  /** @param {string} key */
  withdraw(key) {
    if (!this.chat.outbox.mayWithdraw(key)) return;
    const draft = this.chat.outbox.remove(key);
    if (draft) this.#backIntoComposer(draft, null);
    this.chat.ports.tabs.say({ t: "withdrawn", key });
    this.chat.flush();
  }

  /**
   * It was withdrawn in another tab: this one may have it as well, where nobody can tell which tabs are gone.
   * @param {string} key
   */
  withdrawn(key) {
    if (!this.chat.outbox.find(key)?.post?.wasHanded) this.done(key);
  }

  /**
   * @param {string} key
   * @param {"send" | "discard"} whatToDo
   */
  confirmOld(key, whatToDo) {
    const draft = this.chat.outbox.find(key);
    if (draft?.state !== "old") return;
    if (whatToDo === "send") this.chat.outbox.confirm(key, this.chat.ports.now());
    else if (this.chat.outbox.mayWithdraw(key)) this.withdraw(key);
    else this.done(key);
    this.pendingChanged(draft.post?.room ?? this.chat.name);
    this.chat.flush();
  }

  /**
   * Take posts over from a tab that is gone, or from this page as it was before.
   * @param {string} tab
   */
  async adopt(tab) {
    const posts = await this.chat.ports.store.adopt(
      tab,
      this.chat.ports.tabs.id,
      this.chat.log,
      this.chat.name,
    );
    if (!posts.length) return;
    this.chat.outbox.adopt(posts, this.chat.ports.now());
    for (const post of posts) this.pendingChanged(post.room);
    this.chat.told.changed("notices");
    this.chat.flush();
  }

  /** @param {string} key of a post that is in the log, or that nobody wants */
  done(key) {
    const draft = this.chat.outbox.remove(key);
    if (draft?.post) {
      this.chat.ports.store.dropPost(key, null);
      this.pendingChanged(draft.post.room);
    }
  }

  /**
   * @param {string} room
   * @param {string} text
   */
  write(room, text) {
    this.chat.composers.write(room, text);
    this.#composerChanged(room);
    if (!this.#writing.has(room))
      this.#writing.set(
        room,
        this.chat.ports.later(COMPOSER_EVERY, () => this.#keepComposer(room)),
      );
  }

  /**
   * @param {string} room
   * @param {Cursor | null} ref
   */
  answer(room, ref) {
    this.chat.composers.answer(room, ref);
    this.#composerChanged(room);
    this.#keepComposer(room);
  }

  /**
   * @param {string} room
   * @param {string} key
   */
  takeBack(room, key) {
    this.chat.composers.takeBack(room, key);
    this.#composerChanged(room);
    this.#keepComposer(room);
  }

  /** @param {string} room */
  #keepComposer(room) {
    this.chat.ports.store.keepComposer(this.#composerToKeep(room));
  }

  /**
   * Another tab has written.
   * @param {string} room
   * @param {import("./app.js").Composer} composer
   */
  composerElsewhere(room, composer) {
    if (this.#writing.has(room)) return;
    this.chat.composers.set(room, composer);
    this.#composerChanged(room);
  }

  /**
   * Return what is in a composer now, to be kept; other tabs are told of it.
   * @param {string} room
   */
  #composerToKeep(room) {
    this.#writing.get(room)?.();
    this.#writing.delete(room);
    const { composers, log, name, ports } = this.chat;
    const record = { log, user: name, room, composer: composers.of(room) };
    ports.tabs.say({ t: "composer", ...record });
    return record;
  }

  /** @param {string} room */
  #composerChanged(room) {
    this.chat.told.changed(`composer:${room}`);
    this.chat.told.changed("rooms");
  }

  /** @param {string} room */
  pendingChanged(room) {
    this.chat.told.changed(`timeline:${room}`);
    this.chat.told.changed(`timeline:${ALL}`);
    this.chat.told.changed("connection");
    this.chat.told.changed("rooms");
  }

  /** Read what was written before. */
  async load() {
    const { log, name, ports } = this.chat;
    for (const { room, composer } of await ports.store.composers(log, name)) {
      if (this.chat.composers.of(room).text) continue;
      this.chat.composers.set(room, composer);
      this.chat.told.changed(`composer:${room}`);
    }
    this.chat.told.changed("rooms");
  }

  /** What the log has up to the cursor is in its place, or in a gap. */
  passed() {
    const before = this.chat.outbox.version;
    this.chat.outbox.passed(this.chat.feed.cursor?.seq ?? 0);
    if (this.chat.outbox.version !== before) this.pendingChanged(this.chat.here);
  }

  /** The page may be gone in a moment. */
  hide() {
    for (const room of this.#writing.keys()) this.#keepComposer(room);
  }

  /** Nobody will answer: the session has ended. */
  end() {
    for (const order of this.#orders.values()) order.refused(new Refused("ENDED", ""));
    this.#orders.clear();
    for (const cancel of this.#writing.values()) cancel();
  }
}
