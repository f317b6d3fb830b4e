"""ES modules as one script: a page opened from a disk may not import files.

The modules of ``jaxdoodle/web`` keep to what is read here: each import names what it takes, from a relative path, and
each export stands before a declaration, both at the beginning of a line.
"""

from __future__ import annotations

import re
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "web"

_IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"(\./|\.\./)([^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function\*?|class|const|let) (\w+))", re.MULTILINE)


def read(name: str) -> str:
    """A file of ``jaxdoodle/web``."""
    return (SOURCES / name).read_text(encoding="utf-8")


def bundle(entry: str, name: str) -> str:
    """A script that runs a module and what it imports, each once, in their order.

    Args:
      entry: The module, a path in ``jaxdoodle/web``.
      name: The constant that the script declares: an object of what ``entry`` exports.

    Returns:
      The script, for browsers and Node.

    Raises:
      ValueError: A module imports itself, at last; or imports or exports in another form.
    """
    done: dict[str, str] = {}
    _add(SOURCES / entry, done, ())
    *needed, last = done.values()
    script = f'const {name} = (() => {{\n"use strict";\n{"".join(needed)}return {last.partition(" = ")[2]}}})();\n'
    return script.replace("</script", "<\\/script")  # as text or comment it would end the element in a page


def _add(path: Path, done: dict[str, str], importers: tuple[Path, ...]) -> None:
    """Add the script of a module to ``done``, after those of the modules that it imports."""
    path = path.resolve()
    if path in importers:
        raise ValueError(f"{path.name} imports itself by way of {importers[-1].name}")
    if str(path) in done:
        return
    source = path.read_text(encoding="utf-8")
    lines = []
    for names, above, target in _IMPORT.findall(source):
        other = path.parent / above / target
        _add(other, done, (*importers, path))
        if names:
            lines.append(f"const {{{names.replace(' as ', ': ')}}} = {_variable(other)};\n")
    exported = ", ".join(name for _, name in _EXPORT.findall(source))
    body = _EXPORT.sub(r"\1", _IMPORT.sub("", source))
    if left := re.search(r"^(import|export)\b.*", body, re.MULTILINE):
        raise ValueError(f"{path.name}: cannot bundle {left[0]!r}")
    done[str(path)] = f"const {_variable(path)} = (() => {{\n{''.join(lines)}{body}return {{ {exported} }};\n}})();\n"


def _variable(path: Path) -> str:
    """The constant that holds what a module exports; a page's own script declares none that begins with a dollar."""
    relative = path.resolve().relative_to(SOURCES.resolve()).with_suffix("")
    return "$" + re.sub(r"\W", "_", relative.as_posix())
