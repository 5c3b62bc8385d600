"""Many small modules as two scripts: what browsers load instead of them, and what only later. Pure.

The page is written as ES modules, and can be loaded so; but fifty requests are fifty turns of a worker, and
what compresses well together compresses badly apart. So a worker links them when it starts: it writes them
one behind the other, in the order in which they need each other, without their imports and exports. For that
the modules keep to a form: imports stand at the beginning of a line, name what they import as it is called
there, and name another file of the page; what is exported is a function, a class or a constant, by ``export``
before it or under its own name; none needs itself; and what stands at the beginning of a line of any of them
has a name of its own among all, and none that a browser has for something.

What is imported by ``import("./x.js")`` alone, and what is needed for that alone, is the second script: a
function, to which the first one gives what of itself is imported there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from posixpath import dirname, join, normpath

from chatnet.worker.fronts.web.compact import compact_script

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]+)";$', re.MULTILINE)
_LAZY = re.compile(r'\bimport\("(\.[^"]+)"\)')
_EXPORT = re.compile(r"^export (?=(?:async )?function\*? (\w+)|class (\w+)|const (\w+))", re.MULTILINE)
_LISTED = re.compile(r"^export \{([^}]*)\};$", re.MULTILINE)
_PASSED_ON = re.compile(r'^export \{([^}]*)\} from ("\.[^"]+");$', re.MULTILINE)
_NAMED = re.compile(r"^(?:export )?(?:(?:async )?function\*?|class|const|let) ([\w{[]+)", re.MULTILINE)
_OTHER = re.compile(r"(?:^|(?<=[;}]))(?:import(?!\()|export)\b[^;]*")


LATER = "later.js"
"""The second script, beside the first."""
_BRING = (
    "let $later;let $tries=0;"
    f'let $late=name=>($later??=import("./{LATER}"+($tries++?"?"+$tries:""))'
    ".then(({{$}})=>$({{{given}}}))"
    ".catch(why=>{{$later=undefined;throw why}})).then(all=>all[name]);\n"
)
"""Loads the second script when it is first asked for. An import that failed cannot be tried again in every
browser, so each try has a name of its own."""


def linked(files: Mapping[str, str], entry: str) -> tuple[str, str]:
    """Return the module ``entry`` and all that it needs as one module, which exports the same; and what is
    imported late, as another one, or nothing.

    :raises ValueError: a module is not of the form above, or names one that is not there.
    """
    linker = _Linker(files)
    linker.need(entry, ())
    linker.need_late()
    return linker.scripts(entry)


class _Linker:
    """Writes each module once, after those that it needs."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files
        self._named: dict[str, str] = {}
        self._bodies: dict[str, str] = {}
        self._exported: dict[str, list[str]] = {}
        self._imported: dict[str, dict[str, list[str]]] = {}
        self._late: dict[str, str] = {}

    def need(self, name: str, needed_by: tuple[str, ...]) -> None:
        """Read ``name``, and before it what it needs, unless that is done."""
        if name in self._exported:
            return
        if name in needed_by:
            raise ValueError(f"{' needs '.join([*needed_by[needed_by.index(name) :], name])}")
        if name not in self._files:
            raise ValueError(f"{needed_by[-1] if needed_by else 'nobody'} needs {name}, which is not there")
        source = _PASSED_ON.sub(r"import {\1} from \2;\nexport {\1};", self._files[name])
        imported = self._imported[name] = {}
        for found in _IMPORT.finditer(source):
            path = _path(name, found[2])
            self.need(path, (*needed_by, name))
            imported[path] = _names(found[1])
            if missing := [one for one in imported[path] if one not in self._exported[path]]:
                raise ValueError(f"{name} imports {', '.join(missing)}, which {path} does not export")
        for found in _LAZY.finditer(compact_script(source)):
            self._late.setdefault(_path(name, found[1]), name)
        for found in _NAMED.finditer(source):
            if (other := self._named.setdefault(found[1], name)) != name or found[1][0] in "{[":
                raise ValueError(f"{name} names {found[1]}, and so does {other}: this cannot be linked")
        self._bodies[name] = self._body(name, source)

    def need_late(self) -> None:
        """Read what is imported late, too: it may need those that import it."""
        for late, importer in [*self._late.items()]:
            self.need(late, (importer,))

    def _body(self, name: str, source: str) -> str:
        exported = [next(filter(None, found.groups())) for found in _EXPORT.finditer(source)]
        for found in _LISTED.finditer(source):
            exported += _names(found[1])
        self._exported[name] = exported
        body = compact_script(_LISTED.sub("", _EXPORT.sub("", _IMPORT.sub("", source))))
        if other := _OTHER.search(body):
            raise ValueError(f"{name}: {other[0]}: this cannot be linked")
        return body

    def scripts(self, entry: str) -> tuple[str, str]:
        """Return both scripts."""
        first = self._needed(entry)
        later = [name for name in self._bodies if name not in first]
        whole = "".join(self._written(name, later) for name in self._bodies if name in first)
        whole += f"export{{{','.join(self._exported[entry])}}};\n"
        if not later:
            return whole, ""
        links = [(path, names) for name in later for path, names in self._imported[name].items()]
        given = ",".join(sorted({one for path, names in links if path in first for one in names}))
        bodies = "".join(self._written(name, later) for name in later)
        found = ",".join(f'"{name}":{self._object(name)}' for name in self._late if name in later)
        script = f"let $=({{{given}}})=>{{\n{bodies}return{{{found}}}}};export{{$}};\n"
        return _BRING.format(given=given) + whole, script

    def _needed(self, entry: str) -> set[str]:
        """Return ``entry``, and what it needs from the beginning."""
        return {entry}.union(*map(self._needed, self._imported[entry]))

    def _object(self, name: str) -> str:
        return f"{{{','.join(self._exported[name])}}}"

    def _written(self, name: str, later: Sequence[str]) -> str:
        def bring(found: re.Match[str]) -> str:
            late = _path(name, found[1])
            if name in later:
                raise ValueError(
                    f"{name}, which comes late, imports {late} later still: this cannot be linked"
                )
            return f'$late("{late}")' if late in later else f"Promise.resolve({self._object(late)})"

        return _LAZY.sub(bring, self._bodies[name]) + "\n"


def _names(listed: str) -> list[str]:
    return [one.strip() for one in listed.split(",") if one.strip()]


def _path(importer: str, named: str) -> str:
    return normpath(join(dirname(importer), named))
