/**
 * @file What is kept in this browser, in IndexedDB: posts that are not in the log yet, what is written in the composers, and a
 * few settings.
 *
 * What belongs together is one transaction, and each is on disk, not only on its way there, before its promise is fulfilled.
 * No promise is rejected: where the browser cannot keep anything (any more), it is kept in memory, and `isKept` says so.
 */

import { isEmpty, MemoryStore } from "./memory_store.js";

/** @typedef {import("../state/ports.js").Store} Store */
/** @typedef {import("../state/ports.js").ComposerRecord} ComposerRecord */
/** @typedef {import("../state/ports.js").FeedHead} FeedHead */
/** @typedef {import("../state/ports.js").RoomRecord} RoomRecord */
/** @typedef {import("../state/outbox.js").PostRecord} PostRecord */

const DATABASE = "chatnet";
/**
 * An older page cannot open a newer version: where a cluster goes back to that page, it keeps to memory, and what a newer
 * one has kept waits there. So raise it only for what needs it.
 */
const VERSION = 2;
/**
 * So often, after so many milliseconds, it is looked whether the browser has opened its database, or ended a transaction,
 * before it is not believed to do so any more. More than once: a page that slept meanwhile finds a look overdue, and the
 * answer behind it.
 */
const MOST_WAITS = 5;
const A_WAIT = 1000;
/** The database is closed when another tab wants to change it, or when the browser likes; once more, then. */
const CLOSED = new Set(["InvalidStateError", "AbortError", "UnknownError"]);

/** @implements {Store} */
export class BrowserStore {
  /**
   * @param {IDBFactory | undefined} factory
   * @param {(ms: number, act: () => void) => () => void} later
   */
  constructor(factory, later) {
    this.factory = factory;
    this.later = later;
    this.memory = new MemoryStore();
    /** @type {Promise<IDBDatabase> | null} */
    this.database = null;
    this.isLost = factory === undefined;
    /** @type {() => void} */
    this.told = () => {};
  }

  isKept() {
    return !this.isLost;
  }

  /** @param {() => void} listener */
  onLost(listener) {
    this.told = listener;
  }

  /** @param {string} name @returns {Promise<any>} */
  setting(name) {
    return this.#run(["settings"], "readonly", tx => tx.objectStore("settings").get(name), "setting", name);
  }

  /** @param {string} name @param {unknown} value @returns {Promise<void>} */
  keepSetting(name, value) {
    const act = (/** @type {IDBTransaction} */ tx) => {
      const settings = tx.objectStore("settings");
      if (value === undefined) settings.delete(name);
      else settings.put(value, name);
    };
    return this.#run(["settings"], "readwrite", act, "keepSetting", name, value);
  }

  /** @param {string} log @param {string} user @returns {Promise<ComposerRecord[]>} */
  composers(log, user) {
    const act = (/** @type {IDBTransaction} */ tx) => tx.objectStore("composers").getAll(ofUser(log, user));
    return this.#run(["composers"], "readonly", act, "composers", log, user);
  }

  /** @param {ComposerRecord} record @returns {Promise<void>} */
  keepComposer(record) {
    return this.#run(["composers"], "readwrite", tx => putComposer(tx, record), "keepComposer", record);
  }

  /** @param {PostRecord} post @param {ComposerRecord} composer @returns {Promise<void>} */
  keepPost(post, composer) {
    const act = (/** @type {IDBTransaction} */ tx) => {
      tx.objectStore("posts").add(post);
      putComposer(tx, composer);
    };
    return this.#run(["posts", "composers"], "readwrite", act, "keepPost", post, composer);
  }

  /** @param {string} key @param {ComposerRecord | null} composer @returns {Promise<void>} */
  dropPost(key, composer) {
    const act = (/** @type {IDBTransaction} */ tx) => {
      withPost(tx, key, cursor => cursor.delete());
      if (composer) putComposer(tx, composer);
    };
    return this.#run(["posts", "composers"], "readwrite", act, "dropPost", key, composer);
  }

  /** @param {readonly string[]} keys @returns {Promise<void>} */
  handed(keys) {
    const act = (/** @type {IDBTransaction} */ tx) => {
      for (const key of keys)
        withPost(tx, key, cursor => cursor.update({ ...cursor.value, wasHanded: true }));
    };
    return this.#run(["posts"], "readwrite", act, "handed", keys);
  }

  /** @returns {Promise<PostRecord[]>} */
  posts() {
    return this.#run(["posts"], "readonly", tx => tx.objectStore("posts").getAll(), "posts");
  }

  /** @param {string} from @param {string} to @param {string} log @param {string} user @returns {Promise<PostRecord[]>} */
  adopt(from, to, log, user) {
    /** @type {PostRecord[]} */
    const adopted = [];
    const act = (/** @type {IDBTransaction} */ tx) => {
      const request = tx.objectStore("posts").openCursor();
      request.onsuccess = () => {
        const cursor = request.result;
        if (!cursor) return;
        /** @type {PostRecord} */
        const post = cursor.value;
        if (post.tab === from && post.log === log && post.user === user) {
          cursor.update({ ...post, tab: to });
          adopted.push({ ...post, tab: to });
        }
        cursor.continue();
      };
      return { result: adopted };
    };
    return this.#run(["posts"], "readwrite", act, "adopt", from, to, log, user);
  }

  /** @param {string} log @param {string} user */
  async heard(log, user) {
    const act = (/** @type {IDBTransaction} */ tx) => tx.objectStore("heard").getAll(ofUser(log, user));
    const [head, ...rooms] = (await this.#run(["heard"], "readonly", act, "heard", log, user)) ?? [];
    return head?.cursor ? { head, rooms } : undefined;
  }

  /**
   * @param {string} log
   * @param {string} user
   * @param {FeedHead} head
   * @param {RoomRecord[]} rooms
   * @param {boolean} isAll
   * @returns {Promise<void>}
   */
  keepHeard(log, user, head, rooms, isAll) {
    const act = (/** @type {IDBTransaction} */ tx) => {
      const heard = tx.objectStore("heard");
      if (isAll) heard.delete(ofUser(log, user));
      heard.put(head, [log, user, ""]);
      for (const room of rooms) heard.put(room, [log, user, room.room]);
    };
    return this.#run(["heard"], "readwrite", act, "keepHeard", log, user, head, rooms, isAll);
  }

  /** @param {string} log @param {string} user @returns {Promise<void>} */
  forgetHeard(log, user) {
    const act = (/** @type {IDBTransaction} */ tx) => {
      tx.objectStore("heard").delete(ofUser(log, user));
    };
    return this.#run(["heard"], "readwrite", act, "forgetHeard", log, user);
  }

  /** @param {string} log @param {string} user @returns {Promise<void>} */
  forget(log, user) {
    const act = (/** @type {IDBTransaction} */ tx) => {
      tx.objectStore("heard").delete(ofUser(log, user));
      tx.objectStore("composers").delete(ofUser(log, user));
      for (const of of ["muted", "dismissed"]) tx.objectStore("settings").delete(`${of} ${log} ${user}`);
    };
    return this.#run(["composers", "settings", "heard"], "readwrite", act, "forget", log, user);
  }

  /**
   * Do something in one transaction; where that cannot be, in memory.
   * @param {string[]} stores
   * @param {IDBTransactionMode} mode
   * @param {(tx: IDBTransaction) => {result: any} | void} act
   * @param {keyof Store} otherwise
   * @param {any[]} words
   * @returns {Promise<any>}
   */
  async #run(stores, mode, act, otherwise, ...words) {
    for (let tries = 0; !this.isLost; tries++) {
      try {
        return await this.#transaction(stores, mode, act);
      } catch (why) {
        this.database = null;
        if (tries > 0 || !(why instanceof Error || why instanceof DOMException) || !CLOSED.has(why.name))
          this.#lost();
      }
    }
    return /** @type {any} */ (this.memory)[otherwise](...words);
  }

  #lost() {
    if (this.isLost) return;
    this.isLost = true;
    this.told();
  }

  /**
   * @param {string[]} stores
   * @param {IDBTransactionMode} mode
   * @param {(tx: IDBTransaction) => {result: any} | void} act
   * @returns {Promise<any>}
   */
  async #transaction(stores, mode, act) {
    this.database ??= this.#opened();
    const database = await this.database;
    return this.#inTime((go, stop) => {
      const tx = database.transaction(stores, mode, { durability: "strict" });
      const done = act(tx);
      tx.oncomplete = () => go(done?.result);
      tx.onabort = () => stop(tx.error ?? new DOMException("aborted", "AbortError"));
    });
  }

  /** @returns {Promise<IDBDatabase>} */
  #opened() {
    return this.#inTime((go, stop) => {
      const request = /** @type {IDBFactory} */ (this.factory).open(DATABASE, VERSION);
      request.onupgradeneeded = () => {
        const database = request.result;
        // What an earlier version of the page has kept stays: there may be posts that were not sent yet.
        const make = (/** @type {string} */ name, /** @type {IDBObjectStoreParameters} */ how = {}) =>
          database.objectStoreNames.contains(name) ? null : database.createObjectStore(name, how);
        make("posts", { keyPath: "order", autoIncrement: true })?.createIndex("key", "key", { unique: true });
        make("composers", { keyPath: ["log", "user", "room"] });
        make("settings");
        // By log, user and room; how far was heard stands at the room "", which is none.
        make("heard");
      };
      request.onerror = () => stop(request.error);
      request.onsuccess = () => {
        const database = request.result;
        const forget = () => {
          database.close();
          this.database = null;
        };
        database.onversionchange = forget;
        database.onclose = forget;
        go(database);
      };
    });
  }

  /**
   * @template T
   * @param {(go: (value: T) => void, stop: (why: unknown) => void) => void} begin
   * @returns {Promise<T>}
   */
  #inTime(begin) {
    return new Promise((go, stop) => {
      let looks = 0;
      const look = () => {
        if (++looks > MOST_WAITS) stop(new DOMException("no answer", "TimeoutError"));
        else cancel = this.later(A_WAIT, look);
      };
      let cancel = () => {};
      look();
      begin(
        value => {
          cancel();
          go(value);
        },
        why => {
          cancel();
          stop(why);
        },
      );
    });
  }
}

/**
 * @param {string} log
 * @param {string} user
 */
function ofUser(log, user) {
  return IDBKeyRange.bound([log, user], [log, user, []]);
}

/**
 * @param {IDBTransaction} tx
 * @param {ComposerRecord} record
 */
function putComposer(tx, record) {
  const composers = tx.objectStore("composers");
  if (isEmpty(record)) composers.delete([record.log, record.user, record.room]);
  else composers.put(record);
}

/**
 * @param {IDBTransaction} tx
 * @param {string} key
 * @param {(cursor: IDBCursorWithValue) => void} act
 */
function withPost(tx, key, act) {
  const request = tx.objectStore("posts").index("key").openCursor(key);
  request.onsuccess = () => {
    if (request.result) act(request.result);
  };
}
