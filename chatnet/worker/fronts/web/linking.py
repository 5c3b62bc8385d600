"""Many small modules as one script: what browsers load instead of them. Pure.

The page is written as ES modules, and can be loaded so; but fifty requests are fifty turns of a worker, and
what compresses well together compresses badly apart. So a worker links them when it starts: it writes them
one behind the other, in the order in which they need each other, without their imports and exports. For that
the modules keep to a form: imports stand at the beginning of a line, name what they import as it is called
there, and name another file of the page; what is exported is a function, a class or a constant, by ``export``
before it or under its own name; none needs itself; and what stands at the beginning of a line of any of them
has a name of its own among all, and none that a browser has for something.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from posixpath import dirname, join, normpath

from chatnet.worker.fronts.web.compact import compact_script

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]+)";$', re.MULTILINE)
_LAZY = re.compile(r'\bimport\("(\.[^"]+)"\)')
_EXPORT = re.compile(r"^export (?=(?:async )?function\*? (\w+)|class (\w+)|const (\w+))", re.MULTILINE)
_LISTED = re.compile(r"^export \{([^}]*)\};$", re.MULTILINE)
_PASSED_ON = re.compile(r'^export \{([^}]*)\} from ("\.[^"]+");$', re.MULTILINE)
_NAMED = re.compile(r"^(?:export )?(?:(?:async )?function\*?|class|const|let) ([\w{[]+)", re.MULTILINE)
_OTHER = re.compile(r"(?:^|(?<=[;}]))(?:import(?!\()|export)\b[^;]*")


def linked(files: Mapping[str, str], entry: str) -> str:
    """Return the module ``entry`` and all that it needs as one module, which exports the same.

    :raises ValueError: a module is not of the form above, or names one that is not there.
    """
    linker = _Linker(files)
    linker.need(entry, ())
    return f"{''.join(linker.bodies.values())}export{{{','.join(linker.exported[entry])}}};\n"


class _Linker:
    """Writes each module once, after those that it needs."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files
        self._named: dict[str, str] = {}
        self.bodies: dict[str, str] = {}
        self.exported: dict[str, list[str]] = {}
        self._late: dict[str, str] = {}

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
            self._check(name, found)
        for found in _LAZY.finditer(compact_script(source)):
            late = _path(name, found[1])
            self.need(late, (*needed_by, name))
            if late not in self._late:
                self._late[late] = f"${len(self._late)}"
                self.bodies[late] += f"let {self._late[late]}={{{','.join(self.exported[late])}}};\n"
        for found in _NAMED.finditer(source):
            if (other := self._named.setdefault(found[1], name)) != name or found[1][0] in "{[":
                raise ValueError(f"{name} names {found[1]}, and so does {other}: this cannot be linked")
        self.bodies[name] = self._body(name, source)

    def _body(self, name: str, source: str) -> str:
        exported = [next(filter(None, found.groups())) for found in _EXPORT.finditer(source)]
        for found in _LISTED.finditer(source):
            exported += _names(found[1])
        self.exported[name] = exported
        body = compact_script(_LISTED.sub("", _EXPORT.sub("", _IMPORT.sub("", source))))
        if other := _OTHER.search(body):
            raise ValueError(f"{name}: {other[0]}: this cannot be linked")
        return _LAZY.sub(lambda found: f"Promise.resolve({self._late[_path(name, found[1])]})", body) + "\n"

    def _check(self, name: str, found: re.Match[str]) -> None:
        path = _path(name, found[2])
        if missing := [one for one in _names(found[1]) if one not in self.exported[path]]:
            raise ValueError(f"{name} imports {', '.join(missing)}, which {path} does not export")


def _names(listed: str) -> list[str]:
    return [one.strip() for one in listed.split(",") if one.strip()]


def _path(importer: str, named: str) -> str:
    return normpath(join(dirname(importer), named))
