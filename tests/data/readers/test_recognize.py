"""Datasets as people hold them are told from their content; the same digits come out of every format."""

import gzip
import io
import json
import pickle
import shutil
import warnings
from functools import cache

import numpy as np
import pytest
from PIL import Image

from jaxdoodle.core.errors import DataWarning
from jaxdoodle.data import load_dataset
from jaxdoodle.data.readers import prepare
from jaxdoodle.preprocessing.measure import measure
from tests.fixtures.datasets import (
    COUNT,
    FLAT,
    IMAGES,
    LABELS,
    PAIRS,
    first_word,
    idx_of_any_name,
    label_last,
    pairs,
    pictures,
    tables_in_folders,
    write_rows,
)


@pytest.fixture(autouse=True)
def measured_once(monkeypatch):
    """Equal images are measured once: every format holds the same ones."""
    monkeypatch.setattr(prepare, "measure", lambda images: _measured(images.tobytes(), images.shape))


@cache
def _measured(pixels, shape):
    return measure(np.frombuffer(pixels, np.uint8).reshape(shape))


def kaggle(folder):
    header = ["label", *(f"pixel{i}" for i in range(784))]
    write_rows(folder / "test.csv", FLAT.tolist()[:5], header[1:])
    write_rows(folder / "train.csv", np.c_[LABELS, FLAT].tolist(), header)
    return folder


def quoted(folder):
    rows = [[f'"{cell}"' for cell in row] for row in np.c_[LABELS, FLAT].tolist()]
    (folder / "mine.csv").write_text("\n".join(",".join(row) for row in rows))
    return folder / "mine.csv"


def keras(folder):
    x, y = {"x_train": IMAGES[:40], "x_test": IMAGES[40:]}, {"y_train": LABELS[:40], "y_test": LABELS[40:]}
    np.savez(folder / "mnist.npz", **x, **y)
    return folder / "mnist.npz"


def pair(folder):
    np.save(folder / "X.npy", IMAGES / 255)
    np.save(folder / "Y.npy", np.eye(3)[LABELS])
    return folder


def each_class(folder):
    for label in range(3):
        np.save(folder / f"full_numpy_bitmap_{label}.npy", FLAT[label == LABELS])
    return folder


def matlab(folder):
    from scipy.io import savemat

    columns = IMAGES.swapaxes(1, 2).reshape(COUNT, -1) / 255
    savemat(folder / "data.mat", {"X": columns, "y": (LABELS[:, None] + 9) % 10 + 1})
    return folder / "data.mat"


def parquet(folder):

    import pyarrow as pa
    import pyarrow.parquet as pq

    def png(image):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        return {"bytes": file.getvalue(), "path": None}

    table = pa.table({"image": [png(image) for image in IMAGES], "label": LABELS.tolist()})
    pq.write_table(table, folder / "train-00000-of-00001.parquet")
    return folder


def with_index(folder):
    head = f"Unnamed: 0,{','.join(map(str, range(784)))},class"
    rows = np.column_stack([np.arange(COUNT), FLAT, LABELS])
    np.savetxt(folder / "data.csv", rows, "%d", ",", header=head, comments="")
    return folder / "data.csv"


def spaces(folder):
    np.savetxt(folder / "zip.train", np.column_stack([LABELS, FLAT]), "%d", " ", newline=" \n")
    return folder / "zip.train"


def idx_with_a_suffix(folder):
    return idx_of_any_name(folder, "digits_", ".idx")


def columns_and_a_row(folder):
    np.savez(folder / "data.npz", data=FLAT.T, label=LABELS[None])
    return folder


def labels_before_images(folder):
    np.savez(folder / "data.npz", LABELS, IMAGES)
    return folder


def below_a_folder(folder):
    (folder / "Archive").mkdir()
    keras(folder / "Archive")
    return folder


def pixel_columns(folder):
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {f"pixel{i}": FLAT[:, i] for i in range(784)}
    pq.write_table(pa.table({"label": LABELS.tolist(), **columns}), folder / "wide.parquet")
    return folder / "wide.parquet"


def pixel_lists(folder, new="new_stream"):
    import pyarrow as pa

    table = pa.table({"image": (FLAT / 255).tolist(), "label": LABELS.tolist()})
    with pa.OSFile(str(folder / "data.arrow"), "wb") as file, getattr(pa.ipc, new)(file, table.schema) as writer:
        writer.write_table(table)
    return folder


def arrow_file(folder):
    return pixel_lists(folder, "new_file")


def last_word(folder):
    return pictures(folder, "{i}.{label}.png")


def json_lines(folder):
    (folder / "train").mkdir()
    pictures(folder / "train", "{i}.png")
    rows = [f'{{"file_name": "{i}.png", "source": "web", "label": {label}}}\n' for i, label in enumerate(LABELS)]
    rows[::2] = [f'{{"label": {n}, "file_name": "{2 * i}.png"}}\n' for i, n in enumerate(LABELS[::2])]
    (folder / "train" / "metadata.jsonl").write_text("".join(rows))
    return folder


def pickle_of_python_2(folder):
    with gzip.open(folder / "mnist.pkl.gz", "wb") as file:
        file.write(pickle.dumps([(FLAT[:40] / 255, LABELS[:40]), (FLAT[40:] / 255, LABELS[40:])], 2))
    return folder


def pickles_apart(folder):
    for name, value in (("X", IMAGES.tolist()), ("y", LABELS.tolist())):
        (folder / f"{name}.pickle").write_bytes(pickle.dumps(value))
    return folder


def pytorch(folder):
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    torch.save((torch.tensor(IMAGES), torch.tensor(LABELS)), folder / "training.pt")
    return folder


def json_of_records(folder):
    records = [{"pixels": image, "label": label} for image, label in zip(FLAT.tolist(), LABELS.tolist(), strict=True)]
    (folder / "data.json").write_text(json.dumps(records))
    return folder / "data.json"


def arff(folder, sparse=False):
    names = "".join(f"@ATTRIBUTE 'pixel {i}' REAL\n" for i in range(784))
    rows = [[*image, label] for image, label in zip(FLAT.tolist(), LABELS.tolist(), strict=True)]
    cells = ["{" + ", ".join(f"{i} {n}" for i, n in enumerate(row) if n) + "}" for row in rows]
    lines = cells if sparse else [",".join(map(str, row)) for row in rows]
    header = f"% of OpenML\n@relation 'mnist'\n{names}@attribute class {{0,1,2}}\n\n@data\n"
    (folder / "mnist.arff").write_text(header + "\n".join(lines))
    return folder / "mnist.arff"


def sparse_arff(folder):
    return arff(folder, sparse=True)


def libsvm(folder):
    rows = [f"{n} " + " ".join(f"{i + 1}:{v}" for i, v in enumerate(x) if v) for n, x in zip(LABELS, FLAT, strict=True)]
    for name, part in (("mnist", rows[:40]), ("mnist.t", rows[40:])):
        (folder / name).write_text("\n".join(part))
    return folder


def images_and_labels_apart(folder):
    write_rows(folder / "train_X.csv", FLAT.tolist())
    write_rows(folder / "train_label.csv", np.eye(3, dtype=int)[LABELS].tolist())
    return folder


def table_of_each_class(folder):
    for label in range(3):
        write_rows(folder / f"{label}.csv", FLAT[label == LABELS].tolist())
    return folder


def array_of_each_image(folder):
    for i, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        (folder / str(label)).mkdir(exist_ok=True)
        np.save(folder / str(label) / f"{i}.npy", image / 255)
    return folder


def arrays_of_each_class_and_split(folder):
    parts = (("train", slice(40)), ("test", slice(40, None)))
    np.savez(folder / "all.npz", **{f"{s}{n}": FLAT[rows][LABELS[rows] == n] for s, rows in parts for n in range(3)})
    return folder


def parts_of_one_split(folder):
    for n, rows in enumerate((slice(40), slice(40, None))):
        np.save(folder / f"train_images_{n}.npy", IMAGES[rows])
        np.save(folder / f"train_target_{n}.npy", LABELS[rows])
    return folder


def labels_in_json(folder):
    pictures(folder, "{i}.png")
    (folder / "labels.json").write_text(json.dumps({f"{i}.png": int(label) for i, label in enumerate(LABELS)}))
    return folder


def split_folders_named_freely(folder):
    for split, rows in (("seg_train", slice(40)), ("seg_test", slice(40, None))):
        for i in range(COUNT)[rows]:
            path = folder / split / split / str(LABELS[i])
            path.mkdir(parents=True, exist_ok=True)
            Image.fromarray(IMAGES[i]).save(path / f"{i}.png")
    return folder


def split_in_each_class(folder):
    for i, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        path = folder / f"{label}" / ("train" if i < 40 else "test")
        path.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path / f"{i}.png")
    return folder


FORMATS = [pickle_of_python_2, pickles_apart, pytorch, json_of_records, arff, sparse_arff, libsvm, labels_in_json]
FORMATS += [images_and_labels_apart, table_of_each_class, array_of_each_image, arrays_of_each_class_and_split]
FORMATS += [parts_of_one_split, split_folders_named_freely, split_in_each_class]
FORMATS += [kaggle, label_last, quoted, keras, pair, each_class, matlab, parquet]
FORMATS += [tables_in_folders, idx_of_any_name, idx_with_a_suffix, columns_and_a_row, arrow_file]
FORMATS += [labels_before_images]
FORMATS += [with_index, spaces, below_a_folder, pixel_columns, pixel_lists, first_word, last_word, json_lines]


@pytest.mark.parametrize("write", FORMATS, ids=[write.__name__ for write in FORMATS])
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "zipped"])
def test_the_same_images_come_out_of_every_format(write, zipped, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    path = write(folder)
    if zipped:
        path = shutil.make_archive(str(tmp_path / "archive"), "zip", folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error" if write is not kaggle else "ignore")
        splits = load_dataset(path)
    assert splits.preprocessing.image_shape == (28, 28, 1) and sum(map(len, splits.sets.values())) == COUNT
    assert set().union(*map(pairs, splits.sets.values())) == PAIRS


TESTED = [pickle_of_python_2, libsvm, arrays_of_each_class_and_split, split_folders_named_freely, split_in_each_class]


@pytest.mark.parametrize("write", TESTED, ids=[write.__name__ for write in TESTED])
def test_the_split_that_a_dataset_has_is_kept(write, tmp_path):
    tested = {(image.tobytes(), str(label)) for image, label in zip(IMAGES[40:], LABELS[40:], strict=True)}
    assert pairs(load_dataset(write(tmp_path)).test) == tested


@pytest.mark.parametrize("split", ["test", "val"])
def test_a_split_alone_is_divided_like_one_for_training(split, tmp_path):
    np.savez(tmp_path / "data.npz", **{f"x_{split}": IMAGES, f"y_{split}": LABELS})
    assert set().union(*map(pairs, load_dataset(tmp_path / "data.npz").sets.values())) == PAIRS


def test_tables_in_folders_are_read_beside_a_picture_that_is_of_no_class(tmp_path):
    pictures(tables_in_folders(tmp_path), "cover.png")
    assert set().union(*map(pairs, load_dataset(tmp_path).sets.values())) == PAIRS


REFUSED = {
    "pendigits.tra": (np.c_[FLAT[:, :16], LABELS], "images of 4 x 4; expected 8 pixels a side or more"),
    "usps.h5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "is no HDF5 that can be read"),
    "letters.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(99), "a 7z archive, to be unpacked first"),
    "train.tfrecord-00000-of-00002": (b"8\x01" + bytes(99), "TFRecord of TensorFlow, to be written as pictures"),
    "table.xlsx": (b"PK\x03\x04" + bytes(99), "an Excel sheet, to be saved as CSV"),
    "weights.pkl": (pickle.dumps({"bias": [0.5, 2.0]}), "weights.pkl: holds bias float64 (2,); expected images"),
    "evil.pkl": (b"cos\nsystem\n(S'true'\ntR.", "the pickle asks for os.system"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_dataset_is_named(name, tmp_path, refusal):
    content, text = REFUSED[name]
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    else:
        write_rows(tmp_path / name, content.tolist())
    assert text in refusal(load_dataset, tmp_path / name)
    assert text in refusal(load_dataset, tmp_path) and "\n" not in refusal(load_dataset, tmp_path)


def test_a_dataset_is_read_beside_a_file_of_weights_that_is_named(tmp_path):
    first_word(tmp_path)
    np.savez(tmp_path / "weights.npz", x=np.zeros((3, 4)))
    with pytest.warns(DataWarning, match="left out weights.npz: holds x and no labels"):
        assert set().union(*map(pairs, load_dataset(tmp_path).sets.values())) == PAIRS


def test_a_table_without_labels_is_said_to_be_left_out(tmp_path):
    with pytest.warns(DataWarning, match="left out test.csv, which has no labels"):
        load_dataset(kaggle(tmp_path))


def test_what_is_no_dataset_says_what_was_found_and_what_would_be_read(tmp_path, refusal):
    for name in ("a.docx", "b.docx", "c.txt"):
        (tmp_path / name).write_text("hello")
    text = refusal(load_dataset, tmp_path)
    assert "found 3 files (2 .docx, 1 .txt); expected a folder of pictures" in text and "parquet" in text
