// What the page says, in English. Another language is another file of this form.

/** @param {number} n @param {string} one @param {string} many */
const count = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

/** @type {Record<string, string>} */
const ROLES = { owner: "Owner", admin: "Admin", moderator: "Moderator" };
/** @type {Record<string, string>} */
const A_ROLE = { owner: "an owner", admin: "an admin", moderator: "a moderator" };

/**
 * What has happened, as one sentence; empty for a kind that this page does not know.
 * @param {{kind: string, user: string, room: string, text: string, to?: string, until?: number,
 *   about?: {user: string, room: string} | undefined}} event
 * @param {string} me
 * @param {(time: number) => string} moment
 */
export function happened(event, me, moment) {
  const { kind, user, to = "", room, text } = event;
  const who = user === me ? "You" : user === "chatnet" ? "Who runs this server" : user;
  const whom = to === me ? "you" : to;
  const where = room || "this server";
  const because = text ? `: ${text}${/[.!?…]$/.test(text) ? "" : "."}` : ".";
  const until = event.until ? ` until ${moment(event.until)}` : " for good";
  switch (kind) {
    case "create":
      return `${who} made the private room ${room}. ${en.room.history[text] ?? ""}`;
    case "invite":
      return `${who} invited ${whom} to ${room}.`;
    case "remove":
      return `${who} removed ${whom} from ${room}${because}`;
    case "describe":
      return text ? `${who} described ${room}${because}` : `${who} took the description of ${room} away.`;
    case "role":
      return A_ROLE[text]
        ? `${who} made ${whom} ${A_ROLE[text]} of ${where}.`
        : `${who} took the role of ${whom} in ${where}.`;
    case "ban":
      return `${who} banned ${whom} from ${where}${until}${because}`;
    case "mute":
      return `${who} muted ${whom} in ${where}${until}${because}`;
    case "unban":
      return `${who} lifted every ban and mute of ${whom} in ${where}${because}`;
    case "policy": {
      const [name = "", ...value] = text.split(" ");
      return `${who} decided that ${room ? `in ${room}` : "on this server"} ${decided(name, value.join(" "))}.`;
    }
    case "purge":
      return `${who} took back all that ${whom} said in ${where}${because}`;
    case "forget":
      return `${to || user} left for good, and what they said is gone.`;
    case "disable":
      return `${who} disabled the account of ${whom}${because}`;
    case "enable":
      return `${who} enabled the account of ${whom} again${because}`;
    case "report":
      return `${who} reported ${aPost(event.about, me)} to the moderators${because}`;
    case "redact":
      return `${who} deleted ${aPost(event.about, me)}${because}`;
    default:
      return "";
  }
}

/** @type {Record<string, Record<string, string>>} */
const DECIDED = {
  direct: {
    all: "anybody may write to anybody",
    staff: "conversations are with moderators and admins alone",
    off: "there are no conversations",
  },
  invite: { moderators: "only moderators invite others", members: "all members may invite others" },
  signup: {
    open: "anybody may take a new name",
    code: "a new name needs a code",
    closed: "there are no new names",
  },
};

/** @param {string} name of a policy @param {string} value */
function decided(name, value) {
  const days = policyValue(name, value).toLowerCase();
  if (name === "keep") return `posts are kept ${days === "for ever" ? days : `for ${days}`}`;
  return DECIDED[name]?.[value] ?? `${name} is ${value}`;
}

/**
 * @param {{user: string, room: string} | undefined} about
 * @param {string} me
 */
function aPost(about, me) {
  if (!about) return "a post";
  const { user, room } = about;
  const whose = user === me ? "a post of yours" : `a post of ${user}’s`;
  return room === user ? whose : `${whose} in ${/[=@]/.test(room) ? "a conversation" : room}`;
}

/** What the page says of an error that the server explains in words of the terminal. By code.
 * @type {Record<string, string>} */
const REFUSED = {
  BAD_CODE: "This code is not good here, or no longer. Ask for another one.",
  BAD_TICKET: "You are not logged in here any more.",
  CODE_NEEDED: "A new name needs a code here. Who runs this server, or a friend who is an admin, has one.",
  LAST_OWNER: "Nobody else owns this room. Make somebody else an owner first.",
  LAST_WAY: "Without a password nothing lets you in again. Set one first.",
  NAME_TAKEN:
    "This name is taken. If it is yours, give its password, or a code: for recovery, or from a device where you are logged in.",
  NOT_YET: "This server does not do this yet. Who runs it can change that.",
  NO_SUCH_SESSION: "That session has ended already.",
  SESSION_ENDED: "This session was ended, on another device or by who runs this server. Log in again.",
  SECRET_CHANGED: "Your password was changed elsewhere. Log in with the new one.",
  THEY_ARE_BANNED: "They are banned there. Lift the ban first.",
  TOO_MANY_SESSIONS:
    "You are logged in on 50 devices, as many as one may be. End one of these sessions first.",
  TOO_LONG: "It is too long.",
  CONTROLS: "It has characters that cannot be posted.",
  TOO_MANY_LINES: "It has too many lines: at most 41.",
  INVISIBLE: "Nothing in it can be seen.",
  TOO_MANY_MARKS: "It has too many marks on one letter.",
  TOO_MANY_NAMES: "It names too many people and topics: at most 20.",
  COMMAND: "The page knows no such command. To post it as it is, begin with two slashes.",
  WRONG_SECRET: "That is not the password of this name.",
  NO_COOKIE:
    "This browser keeps no cookies of this page, so nobody knows you here. Allow them, and come in again.",
  NO_ANSWER: "The server does not answer. Try again in a moment.",
};

/**
 * The sentence of an error for people.
 * @param {any} error
 */
export function sentence(error) {
  return REFUSED[error?.code] ?? (error?.text || error?.detail || error?.message || en.somethingWrong);
}

/**
 * How a value of a policy is called.
 * @param {string} name
 * @param {string} value
 */
export function policyValue(name, value) {
  const known = en.policies[name]?.values[value];
  if (known) return known;
  const days = /^(\d+)d$/.exec(value)?.[1];
  return days ? count(Number(days), "day", "days") : value;
}

export const en = {
  app: "chatnet",
  somethingWrong: "That did not work. Try again.",
  cancel: "Cancel",
  close: "Close",
  save: "Save",
  back: "Back to the rooms",
  backCalled: "Back to the rooms: somebody calls you",
  copied: "Copied",
  copy: "Copy",

  enter: {
    title: "Choose a name, and talk.",
    lead: "What you say here is on the server’s disk before it says so, and nothing gets lost on the way.",
    name: "Your name",
    nameHint: "1 to 32 of a–z, 0–9, - and _",
    badName:
      "A name has 1 to 32 of the letters a–z, digits, - and _, begins with a letter or digit, and is no word like admin or all.",
    go: "Come in",
    going: "One moment…",
    code: "Code",
    codeHint: "For recovery, from another device of yours, or from who runs this server.",
    haveCode: "I have a code",
    havePassword: "I have a password",
    password: "Password",
    closed: "This server takes no new names. If you have one, come in with its password or a code.",
    invited: "You are invited.",
    ended: "You were logged out.",
    shutOut: "You cannot come in.",
    again: "Try again",
    /** @param {string | undefined} browser @param {string | undefined} system */
    device: (browser, system) => [browser, system].filter(Boolean).join(" on "),
  },

  link: {
    old: "This page is older than the server. Load it again.",
    /** @param {number} waiting */
    connecting: waiting => `Connecting…${waiting ? ` ${en.link.waiting(waiting)}` : ""}`,
    /** @param {number} waiting */
    offline: waiting => `Offline. ${waiting ? en.link.waiting(waiting) : "What you write is kept here."}`,
    /** @param {number} waiting */
    waiting: waiting => `${count(waiting, "post waits", "posts wait")} here.`,
  },

  rooms: {
    title: "Rooms and people",
    find: "Find or go to…",
    add: "New room or conversation",
    begin: "Begin something new",
    look: "Look around",
    headings: { own: "You", rooms: "Rooms", talks: "Conversations", people: "Following" },
    invitations: "Invitations",
    /** @param {string} by */
    by: by => `from ${by}`,
    accept: "Join",
    dismiss: "Dismiss the invitation to",
    none: "You are in no room yet.",
    noneHint: "Join a topic, write to somebody, or follow a person.",
    some: { topics: "Some topics here", people: "Some people here" },
    own: "Your page",
    all: "Everything",
    draft: "Draft",
    /** @param {number} posts @param {number} mentions */
    unread: (posts, mentions) =>
      `${posts > 98 ? "99 or more unread" : `${posts} unread`}${mentions ? `, ${count(mentions, "mention", "mentions")}` : ""}`,
    account: "Account and settings",
  },

  room: {
    people: "People and details",
    page: "Everything that they say on their page",
    all: "All that you hear, the newest last.",
    ownPage: "What you say here goes to whoever follows you.",
    talk: "Only the two of you read this.",
    beginning: {
      /** @param {string} room */
      topic: room => `This is the beginning of ${room}.`,
      /** @param {string} room */
      private: room => `This is as far back as you can read in ${room}.`,
      /** @param {string} name */
      talk: name => `This is the beginning of your conversation with ${name}.`,
      /** @param {string} name */
      user: name => `This is the first that ${name} said.`,
      all: "Here all comes together: your rooms, conversations, and whom you follow.",
      own: "Your page begins here. What you say goes to whoever follows you.",
    },
    join: "Join",
    follow: "Follow",
    message: "Message",
    notIn: "You are reading along.",
    invited: "You are invited.",
    unjoined: "You read this room once you have joined it.",
    /** @param {string} room */
    gone: room => `You are not in ${room}.`,
    /** @param {string} room */
    closed: room => `${room} is closed by now, or you are not invited any more.`,
    unsent: "You were writing this here:",
    /** @type {Record<string, string>} who may read what */
    history: {
      all: "Newcomers may read what was said before.",
      joined: "Newcomers read only what is said after they join.",
    },
    notFollowing: "This is somebody else’s page. Write to them in a conversation.",
    jump: "Jump to now",
    /** @param {number} n */
    newer: n => count(n, "new post", "new posts"),
  },

  post: {
    unread: "New",
    /** @param {number} n */
    gap: "Some posts between are not here yet.",
    fill: "Show them",
    filling: "Getting them…",
    older: "Getting what was said before…",
    today: "Today",
    yesterday: "Yesterday",
    takenBack: "Message deleted",
    /** @param {string} user */
    answers: user => `Answers ${user}`,
    answersSome: "Answers an earlier post",
    kept: "Kept here; not on the server yet",
    sent: "On its way",
    stored: "On the server’s disk",
    actions: "What one can do with this post",
    reply: "Reply",
    link: "Copy link",
    copyText: "Copy text",
    remove: "Delete",
    report: "Report",
    withdraw: "Withdraw",
    notice: "program",
  },

  composer: {
    /** @param {string} room */
    label: room => `Write to ${room}`,
    own: "Say something on your page",
    where: "To your page, for whoever follows you.",
    send: "Send",
    /** @param {string} user */
    replying: user => `Answering ${user}`,
    stopReplying: "Do not answer",
    /** @param {number} n */
    left: n => (n < 0 ? `${count(-n, "character", "characters")} too many` : `${n} left`),
    complete: "Suggestions",
    emoji: "Emoji",
    refused: "Not posted:",
    /** @param {number} n */
    tooLong: n => `It is too long by ${count(n, "character", "characters")}.`,
  },

  people: {
    title: "Details",
    about: "About",
    followers: "Followed by",
    edit: "Change",
    noAbout: "Nobody has said what this is about.",
    aboutLabel: "What is this room about?",
    members: "Members",
    more: "Show more",
    invite: "Invite somebody",
    inviteName: "Name",
    inviteGo: "Invite",
    /** @param {string} name */
    invited: name => `${name} is invited.`,
    leave: "Leave",
    /** @param {string} room */
    leaveTitle: room => `Leave ${room}?`,
    leavePrivate: "You can come back only if somebody invites you again.",
    leaveLast:
      "You are the last one here: the room is closed for ever, with all that was said in it, and nobody gets its name again.",
    leaveTopic: "You can join again at any time.",
    copyLink: "Copy a link to this room",
    notify: "Notify me of mentions here",
    policies: "What holds here",
    cluster: "This server",
    /** @param {number} days */
    keepTitle: days => `Keep posts for ${count(days, "day", "days")} only?`,
    /** @param {number} days @param {string} room empty: the whole server */
    keepText: (days, room) =>
      `All posts ${room ? `in ${room}` : "on this server"} that are older than ${count(days, "day", "days")} are deleted, for everybody, and for ever; and so is each later one, once it is as old.`,
    keepGo: "Delete older posts",
    roles: ROLES,
    you: "you",
  },

  /** @type {Record<string, {name: string, values: Record<string, string>}>} */
  policies: {
    invite: { name: "Who may invite", values: { moderators: "Moderators", members: "All members" } },
    keep: {
      name: "Posts are kept",
      values: { "for ever": "For ever", "30d": "30 days", "90d": "90 days", "365d": "A year" },
    },
    direct: {
      name: "Conversations",
      values: { all: "Between all", staff: "With moderators and admins", off: "Off" },
    },
    signup: { name: "New names", values: { open: "Open", code: "With a code", closed: "Closed" } },
  },

  remove: {
    title: "Delete this post?",
    text: "Its text goes, for everybody, and for ever.",
    go: "Delete",
    reason: "Reason (others read it)",
  },

  report: {
    title: "Report this post?",
    text: "Moderators can then read it, also from a private room or a conversation.",
    what: "What is wrong with it?",
    go: "Report",
    done: "Reported. Thank you.",
    show: "Show the post",
    gone: "What was reported is gone.",
  },

  finder: {
    title: "Go to",
    label: "Room or person",
    none: "Nothing of that name.",
    /** @param {string} name */
    begin: name => `Join or begin ${name}`,
    /** @param {string} name */
    page: name => `Page of ${name}`,
    /** @param {string} name */
    write: name => `Write to ${name}`,
  },

  banners: {
    password: "No password yet.",
    passwordGo: "Set one",
    later: "Later",
    notify: "You were mentioned. Shall the browser tell you, when you are elsewhere?",
    notifyGo: "Notify me",
    no: "No",
    /** @type {Record<string, string>} */
    texts: {
      MEMORY: "This browser keeps nothing: what is not on the server yet is lost when you close the page.",
      REWOUND: "The server was put back to an earlier state: the newest posts are gone.",
      OLD: "You wrote this more than a day ago, and it was never posted:",
      OLD_SENT: "You wrote this more than a day ago; it may have been posted or not:",
    },
    /** @type {Record<string, (n: number) => string>} */
    counted: {
      ADOPTED: n =>
        `${count(n, "post", "posts")} that another tab had not sent ${n === 1 ? "is" : "are"} being sent.`,
      OTHERS: n => `${count(n, "post waits", "posts wait")} in this browser for another name or server.`,
    },
    sendNow: "Post it now",
    discard: "Discard",
  },

  keys: {
    title: "Keyboard",
    rows: [
      ["Ctrl+K", "Find a room or a person"],
      ["Enter", "Send"],
      ["Shift+Enter", "A new line"],
      ["↑", "What you said last, to write it again"],
      ["Esc", "To the newest post, and all is read"],
      ["Alt+↑  Alt+↓", "To the next unread room"],
      ["Tab  @  #", "Complete a name or a topic"],
      ["↑  ↓", "From post to post; Enter shows what one can do"],
      ["?", "This"],
    ],
  },

  notify: {
    /** @param {string} user @param {string} room */
    title: (user, room) => (room.startsWith("@") ? user : `${user} in ${room}`),
  },
};

en.banners.texts.CURSOR_AHEAD = en.banners.texts.REWOUND ?? "";
