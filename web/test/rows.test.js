import assert from "node:assert/strict";
import { test } from "node:test";
import { rowMaker } from "../../chatnet/page/view/rows.js";

const NOON = new Date(2026, 10, 28, 12).getTime();

/**
 * @param {number} seq
 * @param {string} user
 * @param {number} time
 * @param {object} [more]
 * @returns {any}
 */
function post(seq, user, time, more = {}) {
  const id = `${user} ${seq}`;
  return { type: "post", id, seq, time, user, room: "#tea", text: "x", ref: null, form: "", ...more };
}

/** @param {any[]} items @param {object} [more] @returns {[any, Map<number, any>]} with its posts by seq */
const timeline = (items, more = {}) => [
  { room: "#tea", items, top: "beginning", line: null, ...more },
  new Map(items.filter(item => item.type === "post").map(item => [item.seq, item])),
];

/** @param {any[]} items @param {object} [more] */
const shown = (items, more) =>
  rowMaker()(...timeline(items, more)).map(row => (row.kind === "post" && row.isHead ? "head" : row.kind));

test("What one author says within five minutes is one run", () => {
  const items = [
    post(1, "bob", NOON),
    post(2, "bob", NOON + 60_000),
    post(3, "bob", NOON + 60_000 + 300_000),
    post(4, "carol", NOON + 400_000),
    post(5, "carol", NOON + 400_001, { ref: { seq: 1, check: "" } }),
    post(6, "carol", NOON + 400_002, { room: "carol" }),
  ];
  assert.deepEqual(shown(items), ["top", "day", "head", "post", "head", "head", "head", "head"]);
});

test("A name is shown again after fifteen posts", () => {
  const items = Array.from({ length: 31 }, (_, at) => post(at + 1, "bob", NOON + at));
  const heads = shown(items).flatMap((kind, at) => (kind === "head" ? [at] : []));
  assert.deepEqual(heads, [2, 17, 32]);
});

test("Each day begins once, also under a clock that goes back", () => {
  const day = 24 * 3_600_000;
  const items = [
    post(1, "bob", NOON),
    post(2, "bob", NOON + day),
    post(3, "bob", NOON),
    post(4, "bob", NOON + day),
  ];
  assert.deepEqual(shown(items), ["top", "day", "head", "day", "head", "head", "head"]);
});

test("The unread line stands once, before the first post after it, and begins a run", () => {
  const items = [post(1, "bob", NOON), post(5, "bob", NOON), post(6, "bob", NOON)];
  assert.deepEqual(shown(items, { line: 2 }), ["top", "day", "head", "line", "head", "post"]);
  assert.deepEqual(shown(items, { line: 6 }), ["top", "day", "head", "post", "post"]);
});

test("Rows that are as before are the same objects", () => {
  const make = rowMaker();
  const items = [post(1, "bob", NOON), post(2, "bob", NOON)];
  const before = make(...timeline(items));
  const now = make(...timeline([...items, post(3, "bob", NOON)]));
  assert.equal(now.length, before.length + 1);
  for (const [at, row] of before.entries()) assert.equal(now[at], row);
  const gone = make(...timeline([{ ...items[0], text: "" }, items[1]]));
  assert.notEqual(gone[2], before[2]);
  assert.equal(gone[3], before[3]);
});

test("A row is another one when what it answers comes, or is taken back", () => {
  const make = rowMaker();
  const [said, other] = [post(1, "bob", NOON), post(2, "bob", NOON)];
  const answer = post(3, "carol", NOON, { ref: { seq: 1, check: "" } });
  const answered = (/** @type {any[]} */ ...items) => {
    const row = make(...timeline(items)).at(-1);
    return row?.kind === "post" && row.answered;
  };
  assert.equal(answered(other, answer), undefined);
  assert.equal(answered(said, other, answer), said);
  const gone = { ...said, text: "", isTakenBack: true };
  assert.equal(answered(gone, other, answer), gone);
  const before = make(...timeline([gone, other, answer]));
  assert.equal(make(...timeline([gone, { ...other, text: "" }, answer])).at(-1), before.at(-1));
});
