/**
 * @file What the view knows of the rest of the page: one object, `App`.
 *
 * The view asks it what there is to show, and tells it what the user does. Nothing that it answers changes
 * afterwards: something else is answered then, and the same as long as nothing has changed, so `===` tells.
 * Nothing here waits for the network, but what returns a promise.
 *
 * Rooms are spelled as the user knows them: `alice`, `#tea`, `&ops`, and `@bob`, the conversation with bob.
 * `ALL` is the feed of all that they see.
 */

/** @typedef {import("./messages.js").Cursor} Cursor */
/** @typedef {import("./messages.js").Entry} Entry */
/** @typedef {import("./messages.js").Limits} Limits */
/** @typedef {import("./messages.js").Invitation} Invitation */
/** @typedef {import("./messages.js").OneSession} OneSession */

import { Page } from "./page.js";

export { ALL } from "./names.js";
export { Refused } from "./refused.js";

/**
 * What has changed. "timeline:#tea" and "composer:#tea" are those of a room; "details:#tea" is what its commands "members"
 * and "policies" tell, as far as anybody is told that it has changed: of who joins and leaves nobody is, and "details:" is
 * what holds in the cluster, roles among them; "rooms" is the column of rooms,
 * with its counts, and the title.
 * @typedef {"stage" | "entering" | "connection" | "me" | "rooms" | "invitations" | "here" | "notices" |
 *   "title" | `timeline:${string}` | `composer:${string}` | `details:${string}`} Part
 */

/**
 * - starting: nothing is known yet (a few milliseconds): show nothing, or after a while the frame of the page;
 * - entering: nobody is logged in: show the form of `entering()`;
 * - chatting: show rooms and posts, also while there is no connection;
 * - ended: the session was ended: show why, as `connection()` says, and a button: `app.start()` goes on to
 *   entering.
 * @typedef {"starting" | "entering" | "chatting" | "ended"} Stage
 */

/**
 * The form with which one enters. `wants` is what is to be asked for beside the name: a free name is yours at
 * once; "password" if the name is taken (it may be the user's own, or they choose another name); "code" where
 * a new name needs one. `isAsking`: an answer is awaited; asked again, with the same secret, until it comes.
 * `code` and `sentence`: why it was refused, or is not answered yet; empty if nothing is wrong.
 * @typedef {object} Entering
 * @property {string} name
 * @property {"name" | "password" | "code"} wants
 * @property {"open" | "code" | "closed" | ""} signup empty: not known yet
 * @property {boolean} isAsking
 * @property {string} code
 * @property {string} sentence
 */

/**
 * `isSlow`: for more than 300 ms not connected: only then say so. `since`: when it was lost, by the clock of
 * `Date.now()`. `waiting`: how many posts wait here for the server. `code`, `sentence`: why the session was ended.
 * `isKept` false: this browser keeps nothing (private mode): a banner has to say so. `isOld`: the server speaks a
 * newer version: the page has to be loaded again.
 * @typedef {object} Connection
 * @property {"none" | "connecting" | "online" | "offline"} state
 * @property {boolean} isSlow
 * @property {number} since
 * @property {number} waiting
 * @property {string} code
 * @property {string} sentence
 * @property {boolean} isKept
 * @property {boolean} isOld
 */

/**
 * `password`: whether the user has one; also true while nobody has said.
 * @typedef {{name: string, log: string, session: number, scope: string, limits: Limits, password: boolean}} Me
 */

/**
 * A row of the column of rooms; newest first. `unread` and `mentions` up to 99: that many, or more.
 * `isJoined`: posts come by themselves (also of conversations, and of the user's own room; of the room that one has
 * opened it is believed until it is known). `hasDraft`: something is written in its composer. `isMuted`: no
 * notifications from it. `isGone`: it is a private room that the user is not in, so nothing of it can be read. `ended`:
 * by which event they were removed from it, or banned, if that is why they are not in it.
 * @typedef {object} RoomRow
 * @property {string} room
 * @property {"all" | "own" | "person" | "topic" | "private" | "conversation"} what
 * @property {boolean} isJoined
 * @property {number} unread
 * @property {number} mentions
 * @property {boolean} hasDraft
 * @property {boolean} isHere
 * @property {boolean} isMuted
 * @property {boolean} isGone
 * @property {EventItem | null} ended
 */

/**
 * A post in its place in the log. `id` is the same one that it had as a pending post. `room` as the user
 * spells it. `isTakenBack`: its text is gone, `text` is empty.
 * @typedef {object} PostItem
 * @property {"post"} type
 * @property {string} id
 * @property {number} seq
 * @property {string} check
 * @property {number} time
 * @property {string} user
 * @property {string} room
 * @property {string} text
 * @property {string} key
 * @property {Cursor | null} ref which post it answers
 * @property {"" | "notice" | "action"} form
 * @property {boolean} isOwn
 * @property {boolean} isMention
 * @property {boolean} isTakenBack
 */

/**
 * A post of the user's that is not in its place yet; these stand at the end, in the order made.
 * keeping: being written to this browser's disk; kept: there (◔); sent: there, and handed to a socket (◔);
 * stored: on the server's disk (✓), with its `seq`; old: older than a day, ask the user (`confirmOld`).
 * @typedef {object} PendingItem
 * @property {"pending"} type
 * @property {string} id
 * @property {string} key
 * @property {string} user
 * @property {string} room
 * @property {string} text
 * @property {Cursor | null} ref
 * @property {"" | "notice" | "action"} form
 * @property {number} made when, by this browser's clock, in milliseconds since 1970
 * @property {"keeping" | "kept" | "sent" | "stored" | "old"} state
 * @property {boolean} mayWithdraw it was never handed to a socket
 */

/**
 * What happened in a room, as docs/protocol.md lists it under Events. `about`: who said the post that it is about,
 * and where, if that is known (then `room` is that room, too); `mayOpen`: the user can read it there.
 * @typedef {{type: "event", id: string, seq: number, time: number, kind: string, user: string, room: string,
 *   text: string, to: string, ref: Cursor | null, until: number,
 *   about?: {user: string, room: string, mayOpen?: boolean}}} EventItem
 */

/**
 * Something may be missing between the seqs `from` and `to`, both not included. `app.fill` reads it.
 * @typedef {{type: "gap", id: string, from: number, to: number, isReading: boolean}} GapItem
 */

/**
 * Something to say in the place where it happened. `code`: "REWOUND" or "CURSOR_AHEAD": the log was put back,
 * and what was said after that is gone.
 * @typedef {{type: "note", id: string, code: string}} NoteItem
 */

/** @typedef {PostItem | PendingItem | EventItem | GapItem | NoteItem} Item */

/**
 * A room's timeline, oldest first, by seq alone. `top`: what is above its first item; at "more" ask for
 * `older`. `line`: the unread line stands before the first item with a greater seq, or null: there is none.
 * `sentence`: why the room could not be read, e.g. it does not exist; empty otherwise.
 * @typedef {object} Timeline
 * @property {string} room
 * @property {readonly Item[]} items
 * @property {"more" | "reading" | "beginning"} top
 * @property {number | null} line
 * @property {number} newest the seq of the newest item with one, or 0
 * @property {string} sentence
 */

/**
 * A composer. `refusal`: why the text in it was not taken, until it is changed. `others`: refused texts that
 * found the composer in use; `takeBack` puts one there. `ref`: the post that is being answered.
 * @typedef {object} Composer
 * @property {string} text
 * @property {Cursor | null} ref
 * @property {{code: string, sentence: string} | null} refusal
 * @property {readonly {key: string, text: string, code: string, sentence: string}[]} others
 */

/**
 * `title` of the window, `(2) alice · chatnet`; `badge`: how many mentions, or -1 for a dot: posts alone.
 * @typedef {{title: string, badge: number}} Title
 */

/**
 * Something to tell once, and to dismiss. `code`: "REWOUND", "CURSOR_AHEAD", "ADOPTED" (posts of a closed tab
 * are being sent: `count`), "OTHERS" (posts of another user or server wait in this browser: `count`),
 * or that of an error, whose `sentence` is there then.
 * @typedef {{id: number, code: string, sentence: string, count: number}} Notice
 */

/**
 * A mention, or a post in a conversation, that the user has not seen, for a notification. The view shows it,
 * if the user has allowed that; of all tabs one alone is told.
 * @typedef {{id: string, room: string, user: string, text: string, seq: number}} Call
 */

/**
 * @typedef {object} App
 *
 * @property {(listener: (changed: ReadonlySet<Part>) => void) => () => void} subscribe
 *   be told what has changed, once per turn; returns a function that ends it
 * @property {(listener: (call: Call) => void) => () => void} subscribeToCalls
 * @property {() => void} start begin, or begin again after "ended"
 * @property {() => void} stop the page is left (or goes to sleep): hang up; `start` goes on
 *
 * @property {() => Stage} stage
 * @property {() => Entering} entering
 * @property {() => Connection} connection
 * @property {() => Me | null} me
 * @property {() => readonly RoomRow[]} rooms by newest; not ALL
 * @property {(room: string) => RoomRow} room also of one that is not in the column
 * @property {() => readonly Invitation[]} invitations
 * @property {() => string} here the open room, or ALL
 * @property {(room: string) => Timeline} timeline
 * @property {(room: string) => Composer} composer
 * @property {() => Title} title
 * @property {() => readonly Notice[]} notices
 * @property {() => readonly PendingItem[]} oldPosts those that the user has to be asked about, of all rooms
 *
 * @property {(form: {name: string, password?: string, code?: string, label?: string}) => void} enter
 * @property {() => void} leaveForm take back what `enter` is asking, or the name: begin with the name again
 * @property {(anyway?: boolean) => Promise<void>} logOut refused by LAST_WAY unless `anyway`: then nobody gets
 *   back in without a password
 *
 * @property {(room: string, seq?: number) => void} open show a room; with `seq`, read what is around that post
 * @property {(room: string, text: string) => void} write the composer's text has changed: kept at once
 * @property {(room: string, ref: Cursor | null) => void} answer
 * @property {(room: string, form?: "notice" | "action") => boolean} send what is in the composer; false if that
 *   is nothing that can be sent: then `refusal` says why
 * @property {(room: string, key: string) => void} takeBack
 * @property {(key: string) => void} withdraw a pending post that was never sent: back into the composer
 * @property {(key: string, whatToDo: "send" | "discard") => void} confirmOld
 * @property {(room: string) => void} older read the page before the first item, if it is not being read
 * @property {(room: string, gap: string) => void} fill read a gap, named by its `id`, from its end
 * @property {(room: string, seq: number) => void} seen everything up to this post was on the screen: counts
 *   only while the tab has the focus
 * @property {(room: string, isMuted: boolean) => void} mute
 * @property {(id: number) => void} dismiss
 * @property {(room: string) => void} dismissInvitation show it no more, in this browser; a later one is shown
 * @property {(text: string, at: number) => Completion | null} complete the word before the caret
 *
 * @property {(t: string, words?: Record<string, unknown>) => Promise<Record<string, any>>} ask a command that
 *   only reads: "members", "who_is", "list", "sessions", "policies", "reported"…; rejects with a `Refused`
 * @property {() => number} now what time it is at the server, in milliseconds since 1970: by it, and not by this
 *   machine's clock, is said until when something lasts
 * @property {(t: string, words?: Record<string, unknown>) => Promise<Record<string, any>>} order a command with a
 *   key, which is made here: "join", "leave", "create", "invite", "remove", "describe", "set_role", "ban",
 *   "unban", "set_policy", "block", "unblock", "redact", "purge", "report_post", "revoke" (its `session`); sent, in order with the posts, until it is
 *   answered; `redact` and `report_post` name the post by `seq` and `check`
 * @property {(words: {old?: string, password: string}) => Promise<void>} setPassword
 * @property {(password?: string) => Promise<{code: string}>} pair a code that lets another device in
 * @property {(password?: string) => Promise<{codes: string[]}>} recovery codes for when the password is lost
 * @property {(password?: string) => Promise<void>} forget
 * @property {(words: {label: string, scope: string, password?: string}) => Promise<{token: string, id: number}>} makeToken
 */

/**
 * What fits the word before the caret: `words` replace the text from `start` to `end`.
 * @typedef {{start: number, end: number, words: readonly string[]}} Completion
 */

/**
 * Return the page's state, on what a browser gives it.
 * @param {import("./ports.js").Ports} ports
 * @returns {App}
 */
export function createApp(ports) {
  return new Page(ports).app;
}
