"""The page's modules as two scripts, and scripts made compact: the same program in fewer bytes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from shutil import which

import pytest

from chatnet.worker.fronts.web.compact import compact_script, compact_style
from chatnet.worker.fronts.web.linking import LATER, linked


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("const a = 1; // one\nconst b = a - -1;\n", "let a=1;let b=a- -1;"),
        ("/** @type {x} */ (a).b();", "(a).b();"),
        ("say(\"a  // b\", '/* c */');", "say(\"a  // b\",'/* c */');"),
        ("f(`a  ${b + `c  ${ {d: 1}.d }  `}  // e`);", "f(`a  ${b+`c  ${{d:1}.d}  `}  // e`);"),
        ("x = a / b / c;", "x=a/b/c;"),
        ("x = /[/\"]  '/u.test(y) ? 1 : 2;", "x=/[/\"]  '/u.test(y)?1:2;"),
        ("if (x) return /a b/;", "if(x)return/a b/;"),
        ("for (;;) { at--; }", "for(;;){at--}"),
        ("f(a, b,);", "f(a,b);"),
        (
            "class A { #name = 1; get name() { return this.#name; } }",
            "class A{#a=1;get name(){return this.#a}}",
        ),
        ("async () => { await x; }", "async()=>{await x}"),
        ("a + +b; a++ + b;", "a+ +b;a++ +b;"),
        ("a({ b: true, c: !false });\nreturn true;", "a({b:!0,c:!!1});return!0;"),
        ("const é = 'ß';\nlet x;", "let é='ß';let x;"),
    ],
)
def test_a_compact_script_is_the_same_script(source: str, expected: str) -> None:
    assert compact_script(source) == expected


@pytest.mark.parametrize("source", ["say('a);", "f(`a", "f(`${a`"])
def test_what_does_not_end_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="does not end"):
        compact_script(source)


def test_a_compact_style_is_the_same_style() -> None:
    style = "/* a */\n.a :hover,\n.b > .c {\n  color: red;\n  margin: calc(1px + 2px) 0;\n}\n"
    assert compact_style(style) == ".a :hover,.b > .c{color:red;margin:calc(1px + 2px) 0}\n"


B_AND_C = "export const b = 1;\nasync function c() {}\n"


def test_modules_come_in_the_order_in_which_they_need_each_other() -> None:
    files = {
        "main.js": 'import { a, b } from "./x/a.js";\nexport function main() {\n  return a + b;\n}\n',
        "x/a.js": 'import { d } from "../d.js";\nexport const a = d;\nconst b = 2;\nexport { b };\n',
        "d.js": "/** @file Says\nimport nothing. */\nexport const d = 1;\nconst e = 2;\n",
        "unused.js": "export const no = 1;\n",
    }
    assert linked(files, "main.js") == (
        "let d=1;let e=2;\nlet a=d;let b=2;\nfunction main(){return a+b}\nexport{main};\n",
        "",
    )


LATE = {
    "a.js": 'import { d } from "./x/d.js";\nexport async function f() {\n'
    '  const { b } = await import("./b.js");\n  return b + d;\n}\n',
    "b.js": 'import { c } from "./x/c.js";\nimport { d } from "./x/d.js";\nexport const b = c + d;\n',
    "x/c.js": "export const c = 1;\n",
    "x/d.js": "export const d = 2;\n",
}


def test_what_is_imported_late_comes_late_with_what_it_alone_needs() -> None:
    """And is given what is there already, since to load that again would make a second one of it."""
    first, later = linked(LATE, "a.js")
    assert first.endswith('let d=2;\nasync function f(){let{b}=await $late("b.js");return b+d}\nexport{f};\n')
    assert ".then(({$})=>$({d}))" in first
    assert later == 'let $=({d})=>{\nlet c=1;\nlet b=c+d;\nreturn{"b.js":{b}}};export{$};\n'


def test_what_is_needed_from_the_beginning_is_there_when_it_is_imported_late() -> None:
    files = {**LATE, "a.js": 'import { b } from "./b.js";\nimport("./b.js");\nexport const e = b;\n'}
    first, later = linked(files, "a.js")
    assert (first, later) == (
        "let c=1;\nlet d=2;\nlet b=c+d;\nPromise.resolve({b});let e=b;\nexport{e};\n",
        "",
    )


def test_what_comes_late_may_need_who_brings_it() -> None:
    files = {
        "a.js": 'export const a = 1;\nimport("./b.js");\n',
        "b.js": 'import { a } from "./a.js";\nexport const b = a;\n',
    }
    first, later = linked(files, "a.js")
    assert first.endswith('let a=1;$late("b.js");\nexport{a};\n')
    assert later == 'let $=({a})=>{\nlet b=a;\nreturn{"b.js":{b}}};export{$};\n'


def test_what_comes_late_brings_nothing_later_still() -> None:
    with pytest.raises(ValueError, match="which comes late, imports"):
        linked({"a.js": 'import("./b.js");\n', "b.js": 'import("./c.js");\n', "c.js": "let c;\n"}, "a.js")


@pytest.mark.skipif(which("node") is None, reason="there is no Node")
@pytest.mark.parametrize("missed", [0, 2])
def test_both_scripts_do_what_the_modules_do(tmp_path: Path, missed: int) -> None:
    """Also if the second one cannot be had at first: whoever asks again gets it, once."""
    first, later = linked(LATE, "a.js")
    (tmp_path / "first.mjs").write_text(first.replace(LATER, "later.mjs"))
    (tmp_path / "run.mjs").write_text(
        'import { writeFileSync } from "node:fs";\nimport { f } from "./first.mjs";\nlet failed = 0;\n'
        f"for (let i = 0; i < {missed}; i++) await f().catch(() => failed++);\n"
        f"writeFileSync(new URL('later.mjs', import.meta.url), {json.dumps(later)});\n"
        "console.log(failed, await f(), await f());\n"
    )
    done = subprocess.run(["node", tmp_path / "run.mjs"], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (f"{missed} 5 5\n", "")


def test_what_is_passed_on_is_exported() -> None:
    files = {"a.js": 'export { b } from "./b.js";\n', "b.js": "export const b = 1;\n"}
    assert linked(files, "a.js")[0].endswith("export{b};\n")


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"a.js": 'import { b } from "./b.js";\n'}, "a.js needs b.js, which is not there"),
        ({"a.js": 'import { b } from "./b.js";\n', "b.js": 'import { a } from "./a.js";\n'}, "needs a.js"),
        ({"a.js": 'import { c } from "./b.js";\n', "b.js": "export const b = 1;\n"}, "does not export"),
        ({"a.js": 'import * as b from "./b.js";\n', "b.js": ""}, "cannot be linked"),
        ({"a.js": 'import { b as c } from "./b.js";\n', "b.js": "export const b = 1;\n"}, "does not export"),
        (
            {"a.js": 'import { b } from "./b.js";\nlet c;\n', "b.js": B_AND_C},
            "a.js names c, and so does b.js",
        ),
        ({"a.js": "const { b } = c;\n"}, "cannot be linked"),
        ({"a.js": "export default 1;\n"}, "cannot be linked"),
        ({"a.js": "export let b = 1;\n"}, "cannot be linked"),
    ],
)
def test_what_cannot_be_linked_is_told(files: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        linked(files, "a.js")
