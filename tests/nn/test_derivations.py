"""``nn/DERIVATIONS.md``: the source that it shows is that of the package, its other blocks run, its formulas render.

``python -m tests.nn.test_derivations --write`` brings the shown source up to date.
"""

import ast
import inspect
import re
import sys
import textwrap
from pathlib import Path

import jax
import pytest

from jaxdoodle import nn

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "jaxdoodle" / "nn" / "DERIVATIONS.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
SHOWN = re.compile(r"# (\S+\.py): (.+)\n")  # file and names, the first line of a block that shows source
#: What GitHub's MathJax refuses or does not know.
REFUSED = r"\\(operatorname|newcommand|renewcommand|def|DeclareMathOperator|require|unicode|href|label|tag|mathds)\b"


def source_of(file, name):
    """The source of a function, method or class ``name`` of ``file``, with its docstring, at no indentation."""
    text = (ROOT / file).read_text()
    node = ast.parse(text)
    for part in name.split("."):
        node = next(child for child in ast.iter_child_nodes(node) if getattr(child, "name", None) == part)
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return textwrap.dedent("\n".join(text.splitlines()[first - 1 : node.end_lineno])) + "\n"


def up_to_date(page):
    """The page, with the source in every block that shows some taken from the package."""

    def renewed(block):
        shown = SHOWN.match(block[1])
        if not shown:
            return block[0]
        sources = "\n".join(source_of(shown[1], name) for name in shown[2].split(", "))
        return f"```python\n{shown[0]}{sources}```"

    return BLOCK.sub(renewed, page)


def programs(page):
    """For each section, its runnable blocks as (first line on the page, source)."""
    sections, title = {}, None
    for match in re.finditer(rf"^## (?P<title>[^\n]+)$|{BLOCK.pattern}", page, re.M | re.S):
        if match["title"]:
            title = match["title"]
        elif not SHOWN.match(match[2]):
            sections.setdefault(title, []).append((page[: match.start(2)].count("\n"), match[2]))
    return sections


def run(blocks, namespace):
    with jax.numpy_rank_promotion("allow"):  # the page broadcasts as NumPy does
        for line, source in blocks:
            exec(compile("\n" * line + source, PAGE, "exec"), namespace)
    return namespace


def classes():
    """Every layer and loss of the library, by name."""
    named = {name: getattr(nn, name) for name in nn.__all__ if name not in ("Layer", "Loss")}
    return [name for name, cls in named.items() if inspect.isclass(cls) and issubclass(cls, (nn.Layer, nn.Loss))]


TEXT = PAGE.read_text()
SECTIONS = programs(TEXT)


def test_the_shown_source_is_that_of_the_package():
    assert up_to_date(TEXT) == TEXT, "python -m tests.nn.test_derivations --write"


@pytest.mark.parametrize("name", [*classes(), "Penalty"])
def test_the_page_shows_forward_and_backward_of_every_class(name):
    shown = {name for block in BLOCK.findall(TEXT) if (match := SHOWN.match(block)) for name in match[2].split(", ")}
    assert {f"{name}.forward", f"{name}.backward"} <= shown


@pytest.mark.parametrize("section", [name for name in SECTIONS if name != "Conventions"])
def test_the_blocks_run(section):
    run(SECTIONS[section], run(SECTIONS["Conventions"], {}))


def test_the_formulas_are_what_github_renders():
    displayed = re.findall(r"^```math\n(.*?)^```$", TEXT, re.M | re.S)
    prose = re.sub(r"^```.*?^```$", "", TEXT, flags=re.M | re.S)
    inline = re.findall(r"\$`([^`\n]+)`\$", prose)
    assert "$" not in re.sub(r"\$`[^`\n]+`\$", "", prose), "inline formulas stand in $` and `$, on one line"
    for formula in displayed + inline:
        assert not re.search(REFUSED, formula), formula
        bare = formula.replace(r"\{", "").replace(r"\}", "")
        assert bare.count("{") == bare.count("}"), formula
        for opening, closing in (r"\\begin", r"\\end"), (r"\\left", r"\\right"):
            pairs = [sorted(re.findall(rf"{name}\b(?:\{{(\w+)\}})?", formula)) for name in (opening, closing)]
            assert pairs[0] == pairs[1], formula


def test_the_links_within_the_page_lead_to_sections():
    titles = re.findall(r"^#+ (.+)$", TEXT, re.M)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    PAGE.write_text(up_to_date(TEXT))
