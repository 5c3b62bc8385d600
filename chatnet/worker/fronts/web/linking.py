"""Many small modules as one script: what browsers load instead of them. Pure.

The page is written as ES modules, and can be loaded so; but fifty requests are fifty turns of a worker, and
what compresses well together compresses badly apart. So a worker links them when it starts: each module
becomes a function that is called once, in the order in which they need each other. For that the modules keep
to a form: imports stand at the beginning of a line, name what they import, and name another file of the page;
what is exported is a function, a class or a constant, by ``export`` before it or under its own name; and none
needs itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from posixpath import dirname, join, normpath

from chatnet.worker.fronts.web.compact import compact_script

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]+)";$', re.MULTILINE)
_LAZY = re.compile(r'\bimport\("(\.[^"]+)"\)')
_EXPORT = re.compile(r"^export (?=(?:async )?function\*? (\w+)|class (\w+)|const (\w+))", re.MULTILINE)
_LISTED = re.compile(r"^export \{([^}]*)\};$", re.MULTILINE)
_PASSED_ON = re.compile(r'^export \{([^}]*)\} from ("\.[^"]+");$', re.MULTILINE)
_OTHER = re.compile(r"(?:^|(?<=[;}]))(?:import(?!\()|export)\b[^;]*")
_RENAMED = re.compile(r"\s+as\s+")


def linked(files: Mapping[str, str], entry: str) -> str:
    """Return the module ``entry`` and all that it needs as one module, which exports the same.

    :raises ValueError: a module is not of the form above, or names one that is not there.
    """
    linker = _Linker(files)
    linker.need(entry, ())
    linker.used.update((entry, one) for one in linker.exported[entry])
    exported = ",".join(linker.exported[entry])
    return f"{''.join(linker.parts())}export const{{{exported}}}={linker.called(entry)};\n"


class _Linker:
    """Writes each module once, after those that it needs."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files
        self._bodies: dict[str, str] = {}
        self.exported: dict[str, list[str]] = {}
        self.used: set[tuple[str, str]] = set()

    def called(self, name: str) -> str:
        """Return what a module is called: a short name, by its place among those that were written."""
        return f"${list(self.exported).index(name)}"

    def need(self, name: str, needed_by: tuple[str, ...]) -> None:
        """Write ``name``, and before it what it needs, unless that is done."""
        if name in self.exported:
            return
        if name in needed_by:
            raise ValueError(f"{' needs '.join([*needed_by[needed_by.index(name) :], name])}")
        if name not in self._files:
            raise ValueError(f"{needed_by[-1] if needed_by else 'nobody'} needs {name}, which is not there")
        source = _PASSED_ON.sub(r"import {\1} from \2;\nexport {\1};", self._files[name])
        for found in _IMPORT.finditer(source):
            self.need(_path(name, found[2]), (*needed_by, name))
        for found in _LAZY.finditer(compact_script(source)):
            self.need(_path(name, found[1]), (*needed_by, name))
        self._bodies[name] = self._body(name, source)

    def parts(self) -> Iterator[str]:
        """Yield the modules, each with those of its exports that another one uses."""
        for name, body in self._bodies.items():
            exported = ",".join(one for one in self.exported[name] if (name, one) in self.used)
            if exported or body:
                yield f"let {self.called(name)}=(()=>{{{body}return{{{exported}}}}})();\n"

    def _body(self, name: str, source: str) -> str:
        exported = [next(filter(None, found.groups())) for found in _EXPORT.finditer(source)]
        for found in _LISTED.finditer(source):
            exported += _names(found[1])
        self.exported[name] = exported
        source = _IMPORT.sub(lambda found: self._imported(name, found), source)
        source = _LISTED.sub("", _EXPORT.sub("", source))
        body = compact_script(source)
        if other := _OTHER.search(body):
            raise ValueError(f"{name}: {other[0]}: this cannot be linked")
        return _LAZY.sub(lambda found: self._there(_path(name, found[1])), body)

    def _there(self, name: str) -> str:
        self.used.update((name, one) for one in self.exported[name])
        return f"Promise.resolve({self.called(name)})"

    def _imported(self, name: str, found: re.Match[str]) -> str:
        path = _path(name, found[2])
        names = _names(found[1])
        if missing := [one for one in names if _RENAMED.split(one)[0] not in self.exported[path]]:
            raise ValueError(f"{name} imports {', '.join(missing)}, which {path} does not export")
        self.used.update((path, _RENAMED.split(one)[0]) for one in names)
        return f"let {{{','.join(_RENAMED.sub(':', one) for one in names)}}}={self.called(path)};"


def _names(listed: str) -> list[str]:
    return [one.strip() for one in listed.split(",") if one.strip()]


def _path(importer: str, named: str) -> str:
    return normpath(join(dirname(importer), named))
