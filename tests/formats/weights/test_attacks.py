"""Each file of ``attacks/`` is refused in one line that names it, at once, and the command ends with exit code 2."""

import pytest

from jaxdoodle.cli import main
from jaxdoodle.core.errors import InputError
from jaxdoodle.formats.weights import import_weights
from tests.formats.weights.attacks.make import ATTACKS

NEEDS = {".h5": "h5py", ".onnx": "onnx", ".mat": "scipy"}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.filterwarnings("ignore")  # a warning of a library is no failure of the reader
def test_a_file_that_means_harm_is_refused_in_one_line(name, tmp_path):
    pytest.importorskip(NEEDS.get(f".{name.rpartition('.')[2]}", "numpy"))
    path = tmp_path / name
    path.write_bytes(ATTACKS[name]())
    with pytest.raises(InputError) as refused:
        import_weights(path)
    said = str(refused.value)
    assert said.startswith(str(path)) and "\n" not in said and len(said) < 1000


def test_the_command_ends_with_exit_code_2_and_writes_nothing(tmp_path, capsys):
    path = tmp_path / "w.pkl"
    path.write_bytes(ATTACKS["tuples-that-double.pkl"]())
    assert main(["import", str(path), "-o", str(tmp_path / "model.npz")]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and list(tmp_path.iterdir()) == [path]
