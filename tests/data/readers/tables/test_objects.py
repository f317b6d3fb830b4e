import json
import pickle
import zipfile

import numpy as np
import pytest

from jaxdoodle.data.readers.tables.objects import arrays_of

X, Y = np.arange(48).reshape(3, 4, 4), np.array([0, 1, 1])
#: What a program held -> the names that its arrays get.
VALUES = {
    "pair": ((X, Y), {"images", "labels"}),
    "splits of pairs": (((X, Y), (X, Y), (X, Y)), {f"{s} {k}" for s in ("train", "validation", "test") for k in "il"}),
    "two splits": (((X, Y), (X, Y)), {f"{s} {k}" for s in ("train", "test") for k in "il"}),
    "names": ({b"data": X, b"labels": Y.tolist(), b"batch": b"1"}, {"data", "labels"}),
    "a record for each image": ([{"x": x, "y": y} for x, y in zip(X, Y.tolist(), strict=True)], {"x", "y"}),
    "a pair for each image": ([(x, y) for x, y in zip(X, Y.tolist(), strict=True)], {"images", "labels"}),
    "images alone": (X.tolist(), {""}),
}


@pytest.mark.parametrize("kind", VALUES)
def test_arrays_get_names(kind, tmp_path):
    value, names = VALUES[kind]
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(value))
    found = arrays_of(tmp_path / "a.pkl")
    assert {name.replace("images", "i").replace("labels", "l") if " " in name else name for name in found} == names
    for array in found.values():
        np.testing.assert_array_equal(array, X if array.ndim > 1 else Y)


def test_json_and_json_lines_are_read(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"images": X.tolist(), "labels": Y.tolist()}))
    lines = [json.dumps({"images": x, "labels": y}) for x, y in zip(X.tolist(), Y.tolist(), strict=True)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    for name in ("a.json", "a.jsonl"):
        np.testing.assert_array_equal(arrays_of(tmp_path / name)["images"], X)


@pytest.mark.parametrize("content", [b"", b"\x80\x04", b"PK\x03\x04", b"cos\nsystem\n(S'true'\ntR.", b"{"])
@pytest.mark.parametrize("suffix", [".pkl", ".pt", ".json"])
def test_what_holds_no_arrays_is_refused_in_one_line(content, suffix, tmp_path, refusal):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    text = refusal(arrays_of, path)
    assert text.startswith(f"{path}: holds no arrays that can be read; ") and "\n" not in text


def test_a_small_file_that_asks_for_much_memory_is_refused(tmp_path, refusal, monkeypatch):
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    monkeypatch.setattr("jaxdoodle.data.readers.tables.objects.MOST_BYTES", 2**20)
    for new in (True, False):
        torch.save(torch.zeros(1).expand(2**10, 2**10), path := tmp_path / "a.pt", _use_new_zipfile_serialization=new)
        assert "takes more than 1,048,576 bytes" in refusal(arrays_of, path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", bytes(2**20 + 1))
    assert "takes more than 1,048,576 bytes" in refusal(arrays_of, path)


@pytest.mark.parametrize("order", ["x x y y", "x y x y"])
def test_four_arrays_are_two_splits(order, tmp_path):
    images, labels = np.arange(5 * 64).reshape(5, 8, 8), np.arange(5)
    parts = {"x": iter([images[:3], images[3:]]), "y": iter([labels[:3], labels[3:]])}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(tuple(next(parts[one]) for one in order.split())))
    found = arrays_of(tmp_path / "a.pkl")
    assert {name: len(array) for name, array in found.items()} == {
        "train images": 3, "train labels": 3, "test images": 2, "test labels": 2,
    }  # fmt: skip
    np.testing.assert_array_equal(found["test images"], images[3:])
