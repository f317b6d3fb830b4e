import zipfile

import numpy as np
import pytest

from jaxdoodle.data.readers.tables.numpy import arrays_of


def test_arrays_of_objects_are_read_beside_others_by_name(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.eye(3), names=np.array(["ant", "bee"], object))
    found = arrays_of(tmp_path / "a.npz")
    np.testing.assert_array_equal(found["x"], np.eye(3))
    assert found["names"].tolist() == ["ant", "bee"]
    np.save(tmp_path / "b.npy", np.eye(2))
    assert arrays_of(tmp_path / "b.npy")[""].tolist() == [[1, 0], [0, 1]]


def test_a_dict_in_an_npy_is_its_arrays(tmp_path):
    np.save(tmp_path / "a.npy", {"x": np.eye(3), "y": [0, 1, 2]})  # type: ignore[arg-type]
    found = arrays_of(tmp_path / "a.npy")
    np.testing.assert_array_equal(found["x"], np.eye(3))
    assert found["y"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", b"PK\x03\x04"])
def test_a_damaged_file_is_refused_by_name(content, tmp_path, refusal):
    (tmp_path / "a.npz").write_bytes(content)
    assert f"{tmp_path / 'a.npz'}: is no file of arrays" in refusal(arrays_of, tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("readme.txt", "mine")
    assert "is no file of arrays" in refusal(arrays_of, tmp_path / "b.npz")
