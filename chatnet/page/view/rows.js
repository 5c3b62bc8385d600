// What stands one below the other in a timeline: posts, and what is between them. Pure.

/** @typedef {import("../state/app.js").Timeline} Timeline */
/** @typedef {import("../state/app.js").Item} Item */
/** @typedef {import("../state/app.js").PostItem} PostItem */
/** @typedef {import("../state/app.js").PendingItem} PendingItem */

/**
 * - top: what is above the first item, as `Timeline.top`; `isMade`: that is how the room was made; - day: a day begins; - line: the unread line;
 * - post: `isHead` if it shows who speaks and when; others go on below it; `answered`: what it answers, where that is
 * there; - item: an event, gap or note.
 * `seq`: of the newest item up to here.
 * @typedef {{id: string, seq: number} & (
 *   {kind: "top", top: Timeline["top"], isMade: boolean} | {kind: "day", time: number} | {kind: "line"} |
 *   {kind: "post", item: PostItem | PendingItem, answered: PostItem | undefined, isHead: boolean, room: string} |
 *   {kind: "item", item: Exclude<Item, PostItem | PendingItem>})} Row
 */

/** A run of posts by one author ends after so long a pause, in milliseconds. */
const PAUSE = 5 * 60_000;
/** So many posts stand below a name: then it is shown again. */
const MOST_IN_RUN = 15;

/** @param {Item} item */
const timeOf = item => ("time" in item ? item.time : "made" in item ? item.made : 0);

/** @param {number} time */
function dayOf(time) {
  const date = new Date(time);
  return date.getFullYear() * 10_000 + date.getMonth() * 100 + date.getDate();
}

/**
 * @param {Item} item
 * @param {Item | undefined} before
 */
function goesOn(item, before) {
  if (!before || (before.type !== "post" && before.type !== "pending")) return false;
  if (item.type !== "post" && item.type !== "pending") return false;
  const isAfter = timeOf(item) - timeOf(before) < PAUSE;
  const isSame = item.user === before.user && item.room === before.room && item.form === before.form;
  return isSame && isAfter && !item.ref && item.form !== "action";
}

/**
 * Make the rows of timelines, with their posts by seq; rows that are as before are the same objects.
 * @returns {(timeline: Timeline, posts: ReadonlyMap<number, PostItem>) => Row[]}
 */
export function rowMaker() {
  /** @type {Map<string, Row>} */
  let before = new Map();
  return (timeline, posts) => {
    /** @type {Row[]} */
    const rows = [];
    /** @type {Map<string, Row>} */
    const now = new Map();
    /** @param {Row} row @param {(old: any) => boolean} isSame */
    const put = (row, isSame) => {
      const old = before.get(row.id);
      const kept = old && old.kind === row.kind && old.seq === row.seq && isSame(old) ? old : row;
      now.set(row.id, kept);
      rows.push(kept);
    };
    const { line, room } = timeline;
    let day = 0;
    let isDrawn = line === null;
    let seq = 0;
    let run = 0;
    /** @type {Item | undefined} */
    let last;
    const [first] = timeline.items;
    const isMade = first?.type === "event" && first.kind === "create" && first.room === room;
    const top = { id: "top", seq: 0, kind: /** @type {const} */ ("top"), top: timeline.top, isMade };
    put(top, old => old.top === top.top && old.isMade === isMade);
    for (const item of timeline.items) {
      const time = timeOf(item);
      const at = "seq" in item ? item.seq : item.type === "gap" ? item.from : 0;
      if (at > seq) seq = at;
      let isHead = run === MOST_IN_RUN || !goesOn(item, last);
      if (time > 0) {
        const today = dayOf(time);
        if (today !== day) {
          // A clock that goes back begins no day anew above what is there already.
          if (today > day) put({ id: `day ${today}`, seq, kind: "day", time }, () => true);
          isHead = true;
        }
        if (today > day) day = today;
      }
      if (!isDrawn && line !== null && at > line && item.type !== "gap") {
        isDrawn = isHead = true;
        put({ id: "line", seq, kind: "line" }, () => true);
      }
      run = isHead ? 1 : run + 1;
      if (item.type === "post" || item.type === "pending") {
        // It is shown with what it answers: when that comes, or is taken back, this is another row.
        const answered = item.ref ? posts.get(item.ref.seq) : undefined;
        put(
          { id: item.id, seq, kind: "post", item, answered, isHead, room },
          old => old.item === item && old.answered === answered && old.isHead === isHead && old.room === room,
        );
      } else {
        put({ id: item.id, seq, kind: "item", item }, old => old.item === item);
      }
      last = item;
    }
    before = now;
    return rows;
  };
}
