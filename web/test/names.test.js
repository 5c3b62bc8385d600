/** @file The page finds in a text what the server finds: tests/web/test_web_page_names.py holds it to the same cases. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  asSent,
  findNamed,
  fold,
  isMention,
  named,
  spelledFor,
  wrongText,
} from "../../chatnet/page/state/names.js";

/** @type {{text: string, fold: string, named: string[], isGood: boolean}[]} */
const CASES = JSON.parse(readFileSync(new URL("fixtures/names.json", import.meta.url), "utf-8"));

test("Words are folded as the server folds them", () => {
  for (const one of CASES) assert.equal(fold(one.text), one.fold, JSON.stringify(one.text));
});

test("The names in a text are those that the server finds", () => {
  for (const one of CASES) assert.deepEqual(named(one.text), one.named, JSON.stringify(one.text));
});

test("A text is refused here if and only if the server refuses it", () => {
  for (const one of CASES) {
    assert.equal(
      wrongText(one.text) === "",
      one.isGood,
      `${JSON.stringify(one.text)} ${wrongText(one.text)}`,
    );
  }
});

test("What a name stands at is in the text as it was written", () => {
  const text = "hi @\u200bBo\u00adb\u200b, #Straße!";
  assert.deepEqual(
    findNamed(text).map(one => [text.slice(one.start, one.end), one.word]),
    [
      ["@\u200bBo\u00adb", "@bob"],
      ["#Straße", "#strasse"],
    ],
  );
});

test("A hostile text takes no long time", () => {
  for (const piece of ["@", "#a", "\u200b", "@\u200b", "a\u0301", "@a@", "\u200b@"]) {
    const text = piece.repeat(2000 / piece.length);
    const begun = performance.now();
    named(text);
    wrongText(text);
    assert.ok(performance.now() - begun < 500, JSON.stringify(piece));
  }
});

test("In a conversation every post of the other one is a mention; elsewhere one that names the reader", () => {
  const post = { user: "bob", room: "#tea", text: "@Alice, tea?" };
  assert.equal(isMention(post, "alice"), true);
  assert.equal(isMention(post, "bob"), false);
  assert.equal(isMention({ ...post, text: "tea?" }, "alice"), false);
  assert.equal(isMention({ ...post, text: "tea?", room: "alice=bob" }, "alice"), true);
  assert.equal(isMention({ ...post, text: "", room: "alice=bob" }, "alice"), false);
});

test("A conversation is spelled by the other's name, for its two sides", () => {
  assert.equal(spelledFor("alice=bob", "alice"), "@bob");
  assert.equal(spelledFor("alice=bob", "bob"), "@alice");
  assert.equal(spelledFor("alice=bob", "carol"), "alice=bob");
  assert.equal(spelledFor("#tea", "alice"), "#tea");
});

test("What is sent has line breaks of one kind, and none around it", () => {
  assert.equal(asSent("\r\n  a\r\nb\rc\u2028d  \n\n"), "  a\nb\nc\nd");
  assert.equal(asSent("\ud800"), "\ufffd");
  assert.equal(asSent(" \n\t"), "");
});
