/**
 * @file What the state needs of a browser: types alone. chatnet/page/net has them for browsers, web/test for tests.
 */

/** @typedef {import("./outbox.js").PostRecord} PostRecord */
/** @typedef {import("./app.js").Composer} Composer */

/**
 * An open or opening WebSocket. After `close`, and after `closed` was called, nothing more comes.
 * @typedef {object} Socket
 * @property {(text: string) => void} send
 * @property {() => void} close
 * @property {() => boolean} hasRoom whether it takes more than what waits in it
 */

/** @typedef {{opened: () => void, message: (text: string) => void, closed: (code: number) => void}} SocketListener */

/**
 * What the server has answered by HTTP: `body` is its JSON, or null; `later`: after how many milliseconds it wants to be
 * asked again, or 0.
 * @typedef {{status: number, body: any, later: number}} Answer
 */

/**
 * What the page keeps while it asks for a name: its secret, so that an answer that is lost can be asked for again.
 * @typedef {{name: string, secret: string, code: string, label: string}} EnteringRecord
 */

/** @typedef {{log: string, user: string, room: string, composer: Composer}} ComposerRecord */

/**
 * What was heard, to be read before there is a connection: how far, and the rooms that have changed.
 * @typedef {{cursor: import("./messages.js").Cursor, since: number, joined: string[]}} FeedHead
 * @typedef {{room: string, placed: import("./timeline.js").Placed[], known: import("./intervals.js").Interval[]}} RoomRecord
 */

/**
 * What is kept in the browser. Each promise is fulfilled once it is on disk.
 * @typedef {object} Store
 * @property {() => boolean} isKept false: it is kept in memory alone
 * @property {(listener: () => void) => void} onLost be told when `isKept` becomes false
 * @property {(name: string) => Promise<any>} setting undefined if there is none
 * @property {(name: string, value: unknown) => Promise<void>} keepSetting undefined removes it
 * @property {(log: string, user: string) => Promise<ComposerRecord[]>} composers
 * @property {(record: ComposerRecord) => Promise<void>} keepComposer an empty one is removed
 * @property {(post: PostRecord, composer: ComposerRecord) => Promise<void>} keepPost add a post to the outbox and change
 *   the composer that it comes from, both or neither
 * @property {(key: string, composer: ComposerRecord | null) => Promise<void>} dropPost remove a post, and change the
 *   composer that it goes back to, both or neither
 * @property {(keys: readonly string[]) => Promise<void>} handed
 * @property {() => Promise<PostRecord[]>} posts all in the outbox, whosever they are
 * @property {(from: string, to: string, log: string, user: string) => Promise<PostRecord[]>} adopt take over the posts
 *   of a tab that is gone, by their order
 * @property {(log: string, user: string) => Promise<{head: FeedHead, rooms: RoomRecord[]} | undefined>} heard
 * @property {(log: string, user: string, head: FeedHead, rooms: RoomRecord[], isAll: boolean) => Promise<void>} keepHeard
 *   `isAll`: these are all the rooms; otherwise those that have changed
 * @property {(log: string, user: string) => Promise<void>} forgetHeard remove what a user has heard
 * @property {(log: string, user: string) => Promise<void>} forget remove composers and settings of a user, and what they
 *   have heard
 */

/**
 * What tabs tell each other.
 * @typedef {{t: "read", log: string, user: string, room: string, seq: number} |
 *   {t: "composer", log: string, user: string, room: string, composer: Composer} |
 *   {t: "withdrawn", key: string} | {t: "in"} | {t: "out"} | {t: "here", tab: string, isNew: boolean}} TabMessage
 */

/**
 * The other tabs of this browser.
 * @typedef {object} Tabs
 * @property {string} id of this one
 * @property {() => void} begin say that this tab is here
 * @property {() => void} end it goes
 * @property {(tab: string) => Promise<void>} gone fulfilled once that tab is gone; where nobody can tell, at once
 * @property {(message: TabMessage) => void} say
 * @property {(listener: (message: TabMessage) => void) => void} onMessage
 * @property {() => boolean} isSpeaker whether it is this one that shows notifications
 * @property {() => boolean} isKeeper whether it is this one, and surely no other, that keeps what is heard
 */

/**
 * nudge: there may be a network again, or somebody looks again; hide: the page may be gone in a moment; leave: it is gone,
 * or sleeps; back: it is there again.
 * @typedef {"nudge" | "focus" | "blur" | "hide" | "leave" | "back"} PageEvent
 */

/**
 * @typedef {object} Ports
 * @property {() => number} now milliseconds since 1970, by this machine's clock, right or wrong
 * @property {() => number} ticks milliseconds that never go back
 * @property {() => number} steady milliseconds by a clock that nobody sets; it may stand still while the machine sleeps
 * @property {() => number} random from 0 to below 1
 * @property {(bytes: number) => Uint8Array} entropy
 * @property {(ms: number, act: () => void) => () => void} later returns a function that cancels it
 * @property {(act: () => void) => void} soon in this turn, once all that happens now has happened
 * @property {(listener: SocketListener) => Socket} dial
 * @property {(method: "GET" | "POST" | "DELETE", path: string, body?: unknown, key?: string) => Promise<Answer>} api
 *   rejects if there was no answer; `path` as "/session"; what is asked again with the same key is done once
 * @property {Store} store
 * @property {Tabs} tabs
 * @property {(listener: (what: PageEvent) => void) => void} onPage
 * @property {() => boolean} hasFocus
 */

export {};
