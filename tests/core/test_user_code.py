"""A file of the user's is run as a whole, or as far as it goes."""

import json
import sys

import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.user_code import UserCode, run_statements, run_whole

BROKEN = """
import sys
import no_such_package as nsp, math
from no_such_package import curve

@nsp.decorated
def decorated(x): return math.floor(x)

@curve("fast")
def compiled(x): return x + 1

1 / 0
while True: pass
sys.exit(0)
def after(x): return 2 * x
after(21)
if __name__ == "__main__":
    after([1, 2])
    raise ValueError
def test_after(): after("a")
"""


def test_a_file_is_run_as_far_as_it_goes(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text(BROKEN)
    code = run_statements(path, 1.0)
    assert code.module.after(2) == 4 and code.module.compiled(1) == 2
    told = [str(p) for p in code.problems]
    for line, word in ((3, "no_such_package"), (12, "ZeroDivisionError"), (13, "did not end"), (14, "ends itself")):
        assert any(t.startswith(f"broken.py:{line}: ") and word in t for t in told), told


def test_calls_are_recorded_in_the_file_below_main_and_in_tests(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text(BROKEN.replace("while True: pass", ""))
    code = run_statements(path, 1.0)
    key = UserCode.key(code.module.after.__code__)
    assert code.calls[key] == [{"x": 21}]
    before = dict(vars(code.module))
    code.run_examples(1.0)
    assert code.calls[key] == [{"x": 21}, {"x": [1, 2]}]
    assert vars(code.module) == before


def test_calls_are_recorded_of_files_beside_it_that_import_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    files = {
        "net_of_two": "def widen(n):\n    return 2 * n\n",
        "a_main": "from net_of_two import widen\nif __name__ == '__main__':\n    widen(21)\n",
        "test_net": "import net_of_two\ndef test_it():\n    net_of_two.widen(7)\n    raise SystemExit\n",
        "b_other": "def widen(n):\n    return n\nwiden(1)  # import net_of_two\n",
        "c_other": "import torch.net_of_two\nimport net_of_two.parts\n",
    }
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "a_folder.py").mkdir()
    code = run_statements(tmp_path / "net_of_two.py", 1.0)
    code.run_examples(1.0)
    assert code.calls[UserCode.key(code.module.widen.__code__)] == [{"n": 21}, {"n": 7}]
    monkeypatch.setattr("jaxdoodle.core.user_code._USERS", 9)
    assert [path.stem for path in code._users()] == ["a_main", "test_net"]
    (tmp_path / "d_user.py").write_text("from .net_of_two import widen\n")
    (tmp_path / "e_user.py").write_text(f"import {tmp_path.name}.net_of_two\n")
    assert [path.stem for path in code._users()] == ["a_main", "d_user", "e_user", "test_net"]


def test_a_notebook_is_its_code_cells_without_magics(tmp_path):
    cells = [
        ("markdown", "# a title"),
        ("code", ["%matplotlib inline\n", "!pip install torch\n", "a = 1\n", "files = !ls"]),
        ("code", "%%bash\nls"),
        ("code", "def broken(:"),
        ("code", "%%time\nget_ipython().magic('x')\n"),
        ("code", "b = a + 1\ndisplay(b)\nb?"),
    ]
    path = tmp_path / "book.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": kind, "source": text} for kind, text in cells]}))
    code = run_statements(path, 1.0)
    assert code.module.b == 2 and code.module.files is None
    assert [str(p).partition(": ")[0] for p in code.problems] == ["book.ipynb[cell 3]:1", "book.ipynb[cell 4]:2"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.py", "def f(:\n", "a.py:1: syntax error"),
        ("a.py", b"\xff\xfe\x00", "cannot be read as Python text"),
        ("a.ipynb", "{", "cannot be read as a notebook"),
        ("none.py", None, "none.py: no such file"),
    ],
)
def test_what_is_not_python_is_refused_by_name(tmp_path, name, text, message):
    path = tmp_path / name
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message):
        run_statements(path, 1.0)


def test_a_file_run_as_a_whole_finds_its_neighbors_and_fails_as_a_whole(tmp_path):
    (tmp_path / "beside_this.py").write_text("value = 3")
    (tmp_path / "mine.py").write_text("from beside_this import value")
    assert run_whole(tmp_path / "mine.py").value == 3
    (tmp_path / "mine.py").write_text("1 / 0")
    with pytest.raises(InputError, match="mine.py: cannot be run; ZeroDivisionError"):
        run_whole(tmp_path / "mine.py")


def test_tensors_are_kept_as_arguments_and_a_few_rows_of_large_ones(tmp_path):
    pytest.importorskip("torch")
    path = tmp_path / "program.py"
    path.write_text("import torch\n\ndef f(x): return x\n\nf(torch.ones(2))\nf(torch.ones(30_000))\n")
    code = run_statements(path, 5.0)
    assert [len(call["x"]) for call in code.calls[UserCode.key(code.module.f.__code__)]] == [2, 6]


def test_large_weights_that_an_object_is_made_of_are_kept(tmp_path):
    path = tmp_path / "program.py"
    made, run = "layer = Layer(np.zeros((784, 50)), np.zeros(50))", "layer.forward(np.ones((200, 784)))"
    path.write_text(f"""import numpy as np
class Layer:
    def __init__(self, w, b): self.w, self.b = w, b
    def forward(self, x): return x @ self.w + self.b
{made}
{run}
""")
    code = run_statements(path, 5.0)
    cls = code.module.Layer
    (held,), (call,) = (code.calls[UserCode.key(f.__code__)] for f in (cls.__init__, cls.forward))
    assert held["w"].shape == (784, 50) and call["x"].shape == (6, 784)


def test_what_the_first_optimizer_of_torch_imports_takes_no_time_of_the_examples(tmp_path, monkeypatch):
    for name in ("torch", "torch._dynamo"):  # what is there is put back
        monkeypatch.setitem(sys.modules, name, sys)
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(
        "def Adam():\n    import torch._dynamo\nclass Tensor: pass\n"
        "class autograd:\n    class function: FunctionCtx = Tensor\n"
    )
    busy = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end:\n    pass\n"
    (tmp_path / "torch" / "_dynamo.py").write_text(busy)
    path = tmp_path / "program.py"
    path.write_text("import torch\ndef f(x): return x\nif __name__ == '__main__':\n    torch.Adam()\n    f(3)\n")
    code = run_statements(path, 1.0)
    code.run_examples(0.1)
    assert code.calls[code.key(code.module.f.__code__)] == [{"x": 3}]


def test_a_text_that_is_not_there_is_made_up_and_told_and_nothing_else_is(tmp_path):
    path = tmp_path / "texts.py"
    (tmp_path / "there.txt").write_text("abc")
    path.write_text(
        f"with open({str(tmp_path / 'there.txt')!r}) as file:\n    there = file.read()\n"
        "with open('poems.txt', encoding='utf-8') as file:\n    lines = file.read().splitlines()\n"
        "table = open('data.csv').read()\n"
        "data = open('weights.bin', 'rb').read()\n"
    )
    code = run_statements(path, 1.0)
    assert code.module.there == "abc" and len(code.module.lines) > 50
    assert not hasattr(code.module, "table") and not hasattr(code.module, "data")
    told = [str(p) for p in code.problems]
    assert told[0] == "texts.py:3: poems.txt: no such file; checked with a made-up text in its place"
    assert len(told) == 3 and all("FileNotFoundError" in t for t in told[1:])


def test_a_text_that_the_program_does_without_is_not_made_up(tmp_path):
    path = tmp_path / "fallback.py"
    path.write_text(
        "def read():\n    with open('poems.txt') as file:\n        return file.read()\n"
        "try:\n    text = read()\nexcept OSError:\n    text = 'own'\n"
    )
    code = run_statements(path, 1.0)
    assert code.module.text == "own" and not code.problems
