import numpy as np

from jaxdoodle.cli import main


def test_real_files_are_intact(data_root, capsys):
    assert main(["data", "verify", "--data-dir", str(data_root)]) == 0
    assert "files are intact" in capsys.readouterr().out


def test_a_damaged_file_is_printed_and_is_exit_code_1(tmp_path, capsys):
    folder = tmp_path / "quickdraw" / "full" / "numpy_bitmap"
    folder.mkdir(parents=True)
    np.save(folder / "ant.npy", np.zeros((3, 784), np.uint8))
    (folder / "bat.npy").write_bytes(b"<html>")
    assert main(["data", "verify", "--data-dir", str(tmp_path)]) == 1
    fault, last = capsys.readouterr().out.splitlines()
    assert fault.startswith(f"{folder / 'bat.npy'}: ") and last == f"{tmp_path}: 1 of 2 files are intact"
