import gzip

import numpy as np
import pytest

from jaxdoodle.cli import main

FILES = {
    "cut short": (lambda path: path.write_bytes(path.read_bytes()[:-5]), "truncated"),
    "a page": (lambda path: path.write_text("<html>"), "expected a .npy file"),
    "nothing": (lambda path: path.write_bytes(b""), "expected a .npy file"),
}


@pytest.mark.parametrize("spoil, text", FILES.values(), ids=FILES)
def test_a_damaged_file_is_named(spoil, text, bitmap_folder, capsys):
    assert main(["data", "audit", str(bitmap_folder)]) == 0
    assert "0 faults" in capsys.readouterr().out
    spoil(bitmap_folder / "clock.npy")
    assert main(["data", "audit", str(bitmap_folder)]) == 1
    line, last = capsys.readouterr().out.splitlines()
    assert line.startswith(f"fault  files: {bitmap_folder / 'clock.npy'}: ") and text in line
    assert last == f"{bitmap_folder}: cannot be read; 1 fault, 0 notes"


FORMS = {
    "pictures": lambda drawings: drawings.reshape(-1, 28, 28),
    "fractions": lambda drawings: drawings / 255,
    "floats": lambda drawings: drawings * 1.0,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_arrays_of_another_form_that_are_read_are_no_fault(form, bitmap_folder, capsys):
    for path in bitmap_folder.iterdir():
        np.save(path, form(np.load(path)))
    assert main(["data", "audit", str(bitmap_folder)]) == 0
    assert " 0 faults" in capsys.readouterr().out


def test_tables_with_a_drawing_a_column_are_read(tmp_path, capsys, sound):
    for split, n in (("train", 20), ("test", 10)):
        np.savetxt(tmp_path / f"{split}_X.csv", sound.train.images[:n].reshape(n, 784).T, "%d", ",")
        np.savetxt(tmp_path / f"{split}_label.csv", np.eye(10, dtype=int)[np.arange(n) % 10], "%d", ",")
    main(["data", "audit", str(tmp_path)])
    assert "20 train, 10 test drawings in 10 classes" in capsys.readouterr().out


def test_files_of_emnist_are_noted_as_transposed(idx_folder, capsys):
    main(["data", "audit", str(idx_folder)])
    assert "EMNIST" not in capsys.readouterr().out
    for path in list(idx_folder.iterdir()):
        path.rename(idx_folder / f"emnist-letters-{path.name}")
    main(["data", "audit", str(idx_folder)])
    path = idx_folder / "emnist-letters-t10k-images-idx3-ubyte.gz"
    assert f"note   orientation: {path}: EMNIST is published with rows and col" in capsys.readouterr().out


def test_a_damaged_file_of_a_named_dataset_is_a_fault(tmp_path, capsys):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(bytes(9000))[:-20])
    for name in ("mnist", "mnist-mini"):
        assert main(["data", "audit", name, "--data-dir", str(tmp_path)]) == 1
        *lines, last = capsys.readouterr().out.splitlines()
        assert any("t10k-labels-idx1-ubyte.gz: " in line and "no IDX file" not in line for line in lines)
        assert last == f"{name}: cannot be read; 4 faults, 0 notes"
