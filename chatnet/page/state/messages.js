/**
 * @file What page and worker say to each other by the socket, and what the page asks by HTTP: types alone.
 *
 * Bytes (keys, checks) are base64url without padding: a key has 22 characters, a check 11. All numbers are
 * below 2^53. Whoever reads these ignores fields and kinds that they do not know.
 */

/**
 * How far somebody has read: a seq, and the check of the entry there.
 * @typedef {{seq: number, check: string}} Cursor
 */

/**
 * An entry of the log, as readers see it. `room` of a conversation is `alice=bob`; an empty `text` of a post
 * was taken back; `time` is in milliseconds since 1970 by the log's clock.
 * @typedef {object} Entry
 * @property {number} seq
 * @property {string} check
 * @property {number} time
 * @property {string} kind
 * @property {string} user
 * @property {string} room
 * @property {string} text
 * @property {string} key
 * @property {string} [to]
 * @property {Cursor} [ref]
 * @property {"notice" | "action"} [form]
 * @property {number} [until]
 * @property {boolean} [redacted] it is a post whose text was taken back
 */

/** @typedef {{text: number, rate: number, burst: number, unanswered: number}} Limits */

/** @typedef {{t: "hello", v: 1, log?: string, cursor?: Cursor, most?: number}} Hello */

/**
 * @typedef {object} Welcome
 * @property {"welcome"} t
 * @property {1} v
 * @property {string} user
 * @property {string} log
 * @property {Cursor} [cursor] where `posts` and `upto` go on; none for a session that may only post
 * @property {number} session
 * @property {string} scope what this session may do: "post", "read", or empty: all
 * @property {boolean} [password] whether the user has one; told to a session that may do everything
 * @property {Entry[]} [posts] the newest 20, if there was no cursor, or it was too far behind
 * @property {{from: number, to: number}} [gap] what the worker passed over
 * @property {Limits} limits
 * @property {number} [now] what time it is there, in milliseconds since 1970; older workers do not say
 */

/**
 * A command of the client's: `t` is its name, its arguments stand beside it. Those with a `key` are drafts.
 * @typedef {{t: string, id: number, [argument: string]: unknown}} Command
 */

/** @typedef {{t: "ok", id: number, [result: string]: any}} Ok */
/** @typedef {{t: "error", id: number | null, code: string, text: string}} Refusal */
/** @typedef {{t: "posts", posts: Entry[]}} Posts */
/** @typedef {{t: "upto", cursor: Cursor}} Upto */
/** @typedef {{t: "marked", room: string, seq: number}} Marked */
/**
 * The user has joined a room, or left it, in whatever session; no room: several may have changed.
 * @typedef {{t: "membership", room: string, seq: number, joined: boolean}} Membership
 */
/** @typedef {{t: "moved"}} Moved */
/** @typedef {{t: "rewound", cursor: Cursor}} Rewound */
/** @typedef {{t: "bye", code: string, text: string}} Bye */
/** @typedef {{t: "ping", n: number}} Ping */
/** @typedef {{t: "pong", n: number}} Pong */

/** @typedef {Welcome | Ok | Refusal | Posts | Upto | Marked | Membership | Moved | Rewound | Bye | Ping | Pong} FromWorker */
/** @typedef {Hello | Command | Ping | Pong} FromClient */

/**
 * What the commands are answered by, beside `t` and `id`.
 * @typedef {{name: string, role: string}} Member
 * @typedef {{id: number, label: string, scope: string, since: number, used: number, is_this: boolean}} OneSession
 * @typedef {{room: string, newest: number}} Conversation
 * @typedef {{room: string, by: string, until: number}} Invitation
 * @typedef {{room: string, posts: number, mentions: number, since?: number}} UnreadRoom
 * @typedef {{room: string, seq: number}} Mark
 * @typedef {{name: string, value: string}} PolicyValue
 * @typedef {{rooms: string[], joined: string[], more: boolean}} ListPage
 * @typedef {{posts: Entry[]}} HistoryPage
 * @typedef {{members: Member[], more: boolean, about: string}} MembersPage
 * @typedef {{since: number, role: string, blocked: boolean, rooms: string[], more: boolean}} Person
 */

/**
 * @typedef {object} About
 * @property {string} log
 * @property {"open" | "code" | "closed"} signup
 * @property {string | null} user who is logged in by the cookie
 * @property {string} version
 * @property {Limits} limits
 */

/**
 * The body of an answer that is no success (RFC 9457): `detail` is a sentence for people.
 * @typedef {{type: string, title: string, status: number, detail: string, code: string}} Problem
 */

export {};
