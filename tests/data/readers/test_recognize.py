"""Datasets as people hold them are told from their content; the same digits come out of every format."""

import csv
import gzip
import io
import json
import pickle
import shutil
import struct
import warnings
import zipfile

import numpy as np
import pytest
from PIL import Image

from jaxdoodle.core.errors import DataWarning
from jaxdoodle.data import load_dataset
from jaxdoodle.data.synthetic import generate_doodles
from jaxdoodle.preprocessing import preprocess
from jaxdoodle.preprocessing.measure import CHANGED_LEVELS

COUNT = 60


def images_and_labels():
    """Bars of 20 pixels of ink in two directions, with noise in their strength, as uint8 (60, 28, 28)."""
    rng, labels = np.random.default_rng(0), np.arange(COUNT) % 3
    images = np.zeros((COUNT, 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        strength = rng.integers(200, 256)
        if label != 1:
            image[4:24, 13:15] = strength
        if label != 0:
            image[13 + label : 15 + label, 4:24] = strength
        image[4 + rng.integers(0, 20), 13] = rng.integers(1, 255)
    return images, labels


IMAGES, LABELS = images_and_labels()
FLAT = IMAGES.reshape(COUNT, -1)


def write_rows(path, rows, header=None):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header] * bool(header) + rows)
    return path


def kaggle(folder):
    header = ["label", *(f"pixel{i}" for i in range(784))]
    write_rows(folder / "test.csv", FLAT.tolist()[:5], header[1:])
    write_rows(folder / "train.csv", np.c_[LABELS, FLAT].tolist(), header)
    return folder


def label_last(folder):
    return write_rows(folder / "mine.csv", np.c_[FLAT, LABELS].tolist())


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
    import io

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


def tables_in_folders(folder):
    for split, rows in (("train", slice(40)), ("test", slice(40, None))):
        (folder / split).mkdir()
        write_rows(folder / split / "data.csv", np.c_[LABELS, FLAT].tolist()[rows])
    return folder


def idx_of_any_name(folder, before="my-", after="-idx{}-ubyte"):
    for kind, array in (("images", IMAGES), ("labels", LABELS)):
        header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        path = folder / f"{before}{kind}{after.format(array.ndim)}"
        path.write_bytes(header + array.astype(np.uint8).tobytes())
    return folder


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


def pictures(folder, name):
    for i, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        Image.fromarray(image).save(folder / name.format(i=i, label=label))
    return folder


def first_word(folder):
    return pictures(folder, "{label}_{i:04}.png")


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


def pairs(data):
    """The images of a dataset with the name of the class of each."""
    return {(image.tobytes(), data.classes[label]) for image, label in zip(data.images, data.labels, strict=True)}


PAIRS = {(image.tobytes(), str(label)) for image, label in zip(IMAGES, LABELS, strict=True)}


TESTED = [pickle_of_python_2, libsvm, arrays_of_each_class_and_split, split_folders_named_freely, split_in_each_class]


@pytest.mark.parametrize("write", TESTED, ids=[write.__name__ for write in TESTED])
def test_the_split_that_a_dataset_has_is_kept(write, tmp_path):
    tested = {(image.tobytes(), str(label)) for image, label in zip(IMAGES[40:], LABELS[40:], strict=True)}
    assert pairs(load_dataset(write(tmp_path)).test) == tested


def test_the_names_of_arrays_count_more_than_that_of_their_file(tmp_path):
    np.savez(tmp_path / "train_x.npz", train_x=IMAGES[:40], train_y=LABELS[:40], test_x=IMAGES[40:], test_y=LABELS[40:])
    splits = load_dataset(tmp_path / "train_x.npz")
    tested = {(image.tobytes(), str(label)) for image, label in zip(IMAGES[40:], LABELS[40:], strict=True)}
    assert pairs(splits.test) == tested and pairs(splits.train) | pairs(splits.validation) == PAIRS - tested


def test_arrays_of_numbers_about_the_images_are_no_labels(tmp_path):
    about = {"image_masks": IMAGES > 9, "image_source": np.arange(COUNT) % 2, "image_size": np.array([28, 28])}
    np.savez(tmp_path / "data.npz", **about, images=IMAGES, label_ages=LABELS + 9, labels=LABELS)
    with pytest.warns(DataWarning, match="left out the arrays image_size, label_ages, image_masks, image_source"):
        splits = load_dataset(tmp_path / "data.npz")
    assert set().union(*map(pairs, splits.sets.values())) == PAIRS


def test_images_of_another_size_are_no_part_of_the_others(tmp_path):
    np.savez(tmp_path / "data.npz", images_1=IMAGES, images_2=np.zeros((9, 14, 14), np.uint8), labels=LABELS)
    with pytest.warns(DataWarning, match="left out the arrays images_2"):
        assert set().union(*map(pairs, load_dataset(tmp_path / "data.npz").sets.values())) == PAIRS


@pytest.mark.parametrize("split", ["test", "val"])
def test_a_split_alone_is_divided_like_one_for_training(split, tmp_path):
    np.savez(tmp_path / "data.npz", **{f"x_{split}": IMAGES, f"y_{split}": LABELS})
    assert set().union(*map(pairs, load_dataset(tmp_path / "data.npz").sets.values())) == PAIRS


def test_tables_in_folders_are_read_beside_a_picture_that_is_of_no_class(tmp_path):
    pictures(tables_in_folders(tmp_path), "cover.png")
    assert set().union(*map(pairs, load_dataset(tmp_path).sets.values())) == PAIRS


def test_an_array_named_x_is_a_class_beside_others(tmp_path):
    np.savez(tmp_path / "data.npz", x=IMAGES[LABELS == 0], o=IMAGES[LABELS == 1])
    found = set().union(*map(pairs, load_dataset(tmp_path / "data.npz").sets.values()))
    assert found == {(image, "xo"[int(name)]) for image, name in PAIRS if name != "2"}


@pytest.mark.parametrize("write", [lambda path: np.savez(path, x=IMAGES[:0], y=LABELS[:0]), lambda path: empty(path)])
def test_splits_without_images_are_refused(write, tmp_path, refusal):
    write(tmp_path / "test.npz")
    assert "holds no images" in refusal(load_dataset, tmp_path)


def empty(path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"label": LABELS.tolist(), **{f"pixel{i}": FLAT[:, i] for i in range(784)}})
    pq.write_table(table, path.with_name("train.parquet"))
    pq.write_table(table[:0], path.with_name("test.parquet"))


def test_lists_of_images_of_several_sizes_are_pictures_and_lists_of_no_images_refused(tmp_path, refusal):
    import pyarrow as pa
    import pyarrow.parquet as pq

    images = [np.pad(image, i % 2).tolist() for i, image in enumerate(IMAGES)]
    pq.write_table(pa.table({"image": images, "label": LABELS.tolist()}), tmp_path / "a.parquet")
    assert sum(map(len, load_dataset(tmp_path).sets.values())) == COUNT
    pq.write_table(pa.table({"image": [[[1, 2], [3]]], "label": [0]}), tmp_path / "a.parquet")
    assert "rows of several lengths" in refusal(load_dataset, tmp_path)


def test_many_names_of_classes_are_no_numbers_of_images(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    features = {"info": {"features": {"label": {"names": list(map(str, range(345)))}}}}
    table = pa.table({"image": FLAT.tolist(), "label": LABELS.tolist()})
    table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    pq.write_table(table, tmp_path / "a.parquet")
    assert set().union(*map(pairs, load_dataset(tmp_path).sets.values())) == PAIRS


def test_a_table_with_an_open_quote_is_refused_and_one_without_labels_named(tmp_path, refusal, short_fields):
    path = label_last(tmp_path)
    path.write_text(path.read_text() + '"' + "0,0\n" * 300)
    assert f"{path}: is no table that can be read; field larger" in refusal(load_dataset, path)
    path.write_text("a note")
    write_rows(tmp_path / "test.csv", FLAT.tolist()[:5], [f"pixel{i}" for i in range(784)])
    assert f"{tmp_path / 'test.csv'}: has no labels" in refusal(load_dataset, tmp_path)


def test_tables_of_drawings_are_read_from_folders_and_those_without_a_word_left_out(tmp_path):
    (tmp_path / "train").mkdir()
    for name in ("ant", "bat"):
        rows = [f'"[[[0, {i + 9}], [0, 99]]]",{name}' for i in range(9)]
        (tmp_path / "train" / f"{name}.csv").write_text("\n".join(["drawing,word", *rows]))
    (tmp_path / "test.csv").write_text('drawing\n"[[[0, 9], [0, 99]]]"\n')
    with pytest.warns(DataWarning, match="left out test.csv, which has no labels"):
        splits = load_dataset(tmp_path)
    assert splits.classes == ("ant", "bat") and sum(map(len, splits.sets.values())) == 18


def test_images_with_a_pixel_that_is_no_number_are_left_out_and_named(tmp_path):
    images = IMAGES / 255
    images[[3, 9], 5, 5] = np.nan, np.inf
    np.savez(tmp_path / "data.npz", x=images, y=LABELS)
    with pytest.warns(DataWarning, match="left out 2 of 60 .*train image 3: a pixel is NaN or infinite"):
        splits = load_dataset(tmp_path / "data.npz")
    assert sum(map(len, splits.sets.values())) == COUNT - 2


def test_drawings_of_both_polarities_are_named_and_brought_to_one(tmp_path):
    doodles = generate_doodles(("clock", "pizza"), 30, 0)
    turned = np.arange(60)[:, None, None] % 3 == 2
    np.savez(tmp_path / "data.npz", x=np.where(turned, 255 - doodles.images[..., 0], doodles.images[..., 0]), y=LABELS)
    with pytest.warns(DataWarning, match="20 of 60 images have the background that others have as ink; they are inver"):
        splits = load_dataset(tmp_path / "data.npz")
    found = {image for image, _ in set().union(*map(pairs, splits.sets.values()))}
    assert found == {image.tobytes() for image in doodles.images}


@pytest.mark.parametrize("name", ["FashionMNIST", "fashion-mnist", "KMNIST", "mnist"])
def test_classes_of_known_datasets_have_their_names(name, tmp_path):
    folder = tmp_path / name / "raw"
    folder.mkdir(parents=True)
    idx_of_any_name(folder, "train-", "-idx{}-ubyte")
    first = {"FashionMNIST": "T-shirt/top", "fashion-mnist": "T-shirt/top", "KMNIST": "o", "mnist": "0"}
    assert load_dataset(tmp_path / name).classes[0] == first[name]


def test_a_column_of_numbers_of_rows_is_no_label(tmp_path, refusal):
    rows = [[n, *image] for n, image in enumerate(FLAT.tolist())]
    path = write_rows(tmp_path / "test.csv", rows, ["id", *(f"pixel{i}" for i in range(784))])
    assert "has no labels" in refusal(load_dataset, path)
    write_rows(tmp_path / "train.csv", np.c_[LABELS, FLAT].tolist(), ["label", *(f"pixel{i}" for i in range(784))])
    write_rows(tmp_path / "more.csv", np.c_[LABELS, FLAT].tolist()[:30])
    with pytest.warns(DataWarning) as told:
        splits = load_dataset(tmp_path)
    assert sum(map(len, splits.sets.values())) == COUNT
    texts = [str(each.message) for each in told]
    assert any("left out more.csv, whose name says neither" in text for text in texts)
    assert any("left out test.csv, which has no labels" in text for text in texts)


REFUSED = {
    "pendigits.tra": (np.c_[FLAT[:, :16], LABELS], "images of 4 x 4; expected 8 pixels a side or more"),
    "usps.h5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "is no HDF5 that can be read"),
    "letters.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(99), "a 7z archive, to be unpacked first"),
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


def test_archives_whose_names_collide_are_classes_and_links_to_folders_above_no_loop(tmp_path):
    for label in range(3):
        with zipfile.ZipFile(tmp_path / f"{label}.zip", "w") as archive:
            for i, image in enumerate(IMAGES[label == LABELS]):
                Image.fromarray(image).save(file := io.BytesIO(), "PNG")
                archive.writestr(f"{i}.png", file.getvalue())
    assert set().union(*map(pairs, load_dataset(tmp_path).sets.values())) == PAIRS
    for path in tmp_path.glob("*.zip"):
        shutil.unpack_archive(path, tmp_path / path.stem)
        path.unlink()
    (tmp_path / "0" / "up").symlink_to(tmp_path)
    assert set().union(*map(pairs, load_dataset(tmp_path).sets.values())) == PAIRS


@pytest.mark.parametrize("form", ["bztar", "xztar"])
def test_tars_of_any_compression_are_unpacked(form, tmp_path):
    (tmp_path / "data").mkdir()
    path = shutil.make_archive(str(tmp_path / "archive"), form, first_word(tmp_path / "data"))
    assert set().union(*map(pairs, load_dataset(path).sets.values())) == PAIRS


def test_a_dataset_is_read_beside_a_file_of_weights_that_is_named(tmp_path):
    first_word(tmp_path)
    np.savez(tmp_path / "weights.npz", x=np.zeros((3, 4)))
    with pytest.warns(DataWarning, match="left out weights.npz: holds x and no labels"):
        assert set().union(*map(pairs, load_dataset(tmp_path).sets.values())) == PAIRS


@pytest.mark.parametrize("inks", [[0], [255], [255, 90, 0]], ids=["black", "white", "in color"])
def test_what_is_drawn_on_nothing_is_visible_and_is_what_predicting_sees(inks, tmp_path):
    for name, image in zip("ab", IMAGES, strict=False):
        (tmp_path / name).mkdir()
        pixels = np.dstack([*(np.full_like(image, ink) for ink in (inks * 3)[:3]), image])
        Image.fromarray(pixels).save(tmp_path / name / "0.png")
    splits = load_dataset(tmp_path)
    for image in (image for part in splits.sets.values() for image in part.images):
        seen = [preprocess(path, splits.preprocessing).bitmap.reshape(image.shape) for path in tmp_path.glob("*/0.png")]
        assert np.ptp(image) > 100 and min(np.abs(image.astype(int) - each).mean() for each in seen) < CHANGED_LEVELS


@pytest.mark.parametrize("header", [[], ["id", "label", *(f"pixel{i}" for i in range(784))]], ids=["bare", "header"])
def test_letters_and_digits_as_labels_are_no_header(header, tmp_path):
    names = np.array([*"yA3"])[LABELS].tolist()
    rows = [[*[i][: len(header)], *row] for i, row in enumerate(zip(names, *FLAT.T.tolist(), strict=True))]
    splits = load_dataset(write_rows(tmp_path / "data.csv", rows, header))
    assert set().union(*map(pairs, splits.sets.values())) == {(image, "yA3"[int(name)]) for image, name in PAIRS}


def test_a_table_in_the_folder_of_a_class_tells_no_classes(tmp_path):
    for label in "01":
        (tmp_path / label).mkdir()
        pictures(tmp_path / label, "{i}.png")
        rows = [f"{i}.png,{i % 4 + 20}" for i in range(COUNT)]
        (tmp_path / label / "sizes.csv").write_text("\n".join(["file,width", *rows]))
    with pytest.warns(DataWarning, match="left out 2 files that are no pictures"):
        assert load_dataset(tmp_path).classes == ("0", "1")


def test_labels_that_number_the_images_and_images_without_labels_are_refused(tmp_path, refusal):
    np.savez(tmp_path / "data.npz", x=np.tile(IMAGES, (2, 1, 1)), y=np.arange(2 * COUNT) * 7)
    assert "classes in" in refusal(load_dataset, tmp_path / "data.npz")
    np.savez(tmp_path / "data.npz", images=IMAGES)
    assert "holds images and no labels" in refusal(load_dataset, tmp_path / "data.npz")


def test_arrays_of_large_images_are_brought_to_the_size_of_networks(tmp_path):
    large = np.kron(IMAGES[:20], np.ones((4, 4), np.uint8))
    np.savez(tmp_path / "data.npz", x=large, y=LABELS[:20])
    splits = load_dataset(tmp_path / "data.npz")
    assert max(shape := splits.preprocessing.image_shape) <= 64
    made = [preprocess(image, splits.preprocessing).bitmap.reshape(shape) for image in large]
    expected = {(image.tobytes(), str(label)) for image, label in zip(made, LABELS, strict=False)}
    assert set().union(*map(pairs, splits.sets.values())) == expected and min(map(np.ptp, made)) > 100


def test_a_table_without_labels_is_said_to_be_left_out(tmp_path):
    with pytest.warns(DataWarning, match="left out test.csv, which has no labels"):
        load_dataset(kaggle(tmp_path))


def test_rows_that_are_broken_are_left_out_and_named(tmp_path, refusal):
    path = label_last(tmp_path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:5], "1,2,3", *lines[5:]]))
    with pytest.warns(DataWarning, match=r"line 6: 3 columns; expected 785"):
        assert sum(map(len, load_dataset(path).sets.values())) == COUNT
    assert "line 6: 3 columns" in refusal(load_dataset, path, skip_broken=False)
    path.write_text("\n".join([*lines[:5], *["1,2,3"] * 9, *lines[5:]]))
    assert "9 of 69 drawings cannot be read, more than 5 %" in refusal(load_dataset, path)


@pytest.mark.parametrize("side", [8, 20, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_any_size_gray_or_rgb_are_a_dataset(side, channels, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (30, side, side, channels), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=np.arange(30) % 3)
    splits = load_dataset(tmp_path / "a.npz")
    assert splits.train.images.shape[1:] == splits.preprocessing.image_shape == (side, side, channels)
    assert splits.preprocessing.as_is


@pytest.mark.parametrize(("chroma", "channels"), [(3, 1), (40, 3)])
def test_images_are_gray_where_their_channels_differ_by_no_more_than_lossy_formats_make_them(
    chroma, channels, tmp_path
):
    gray = np.random.default_rng(0).integers(0, 200, (30, 20, 20, 1), dtype=np.uint8)
    images = np.repeat(gray, 3, axis=3)
    images[0, 0, 0, 2] += chroma
    np.savez(tmp_path / "a.npz", images=images, labels=np.arange(30) % 3)
    assert load_dataset(tmp_path / "a.npz").preprocessing.image_shape == (20, 20, channels)


def test_a_folder_like_torchvision_s_is_read_and_emnist_s_is_noticed_and_mended(tmp_path, idx_bytes):
    raw = tmp_path / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    for split, rows in (("train", slice(40)), ("test", slice(40, None))):
        content = {
            "images-idx3": IMAGES[rows].swapaxes(1, 2).copy(),
            "labels-idx1": (LABELS[rows] + 1).astype(np.uint8),
        }
        for kind, array in content.items():
            (raw / f"emnist-letters-{split}-{kind}-ubyte.gz").write_bytes(gzip.compress(idx_bytes(array)))
    as_published = load_dataset(tmp_path)
    mended = load_dataset(tmp_path, transpose=True)
    assert as_published.classes == mended.classes == ("A", "B", "C")
    np.testing.assert_array_equal(mended.test.images[..., 0], IMAGES[40:])


def test_what_is_no_dataset_says_what_was_found_and_what_would_be_read(tmp_path, refusal):
    for name in ("a.docx", "b.docx", "c.txt"):
        (tmp_path / name).write_text("hello")
    text = refusal(load_dataset, tmp_path)
    assert "found 3 files (2 .docx, 1 .txt); expected a folder of pictures" in text and "parquet" in text


def test_a_folder_with_the_name_of_a_dataset_is_never_replaced_in_silence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "doodles").mkdir()
    label_last(tmp_path / "doodles")
    with pytest.warns(DataWarning, match="the dataset of this name, not the folder; that one is ./doodles"):
        assert "clock" in load_dataset("doodles", per_class=5).classes
    assert load_dataset("./doodles").classes == ("0", "1", "2")
