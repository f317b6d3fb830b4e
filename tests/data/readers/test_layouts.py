"""Datasets as people lay them out: classes, splits and names come from wherever the layout says them."""

import base64
import io
import json
import pickle
import tarfile

import numpy as np
import pytest
from PIL import Image

from jaxdoodle.core.errors import DataWarning
from jaxdoodle.data import load_dataset

COUNT = 48
LABELS = np.arange(COUNT) % 4
NAMES = ("ant", "bee", "cow", "dog")
SPLITS = np.where(np.arange(COUNT) < 32, "train", "test")
RNG = np.random.default_rng(3)
IMAGES = RNG.integers(0, 256, (COUNT, 12, 12), dtype=np.uint8)


def encoded(image):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def pictures(folder, pattern):
    """A file for each picture; the rows (path, label, name, split)."""
    rows = []
    for i, (image, label, split) in enumerate(zip(IMAGES, LABELS.tolist(), SPLITS.tolist(), strict=True)):
        path = pattern.format(i=i, label=label, name=NAMES[label], split=split)
        put(folder / path, encoded(image))
        rows.append((path, label, NAMES[label], split))
    return rows


def below_other_files(folder):
    pictures(folder, "images/{split}/{name}/{i}.png")
    put(folder / "README.md", "ten classes")


def lists_of_each_split(folder):
    rows = pictures(folder, "images/{name}/{i}.png")
    for split in ("train", "test"):
        put(folder / "meta" / f"{split}.txt", "\n".join(path[7:-4] for path, *_, own in rows if own == split))


def lists_and_class_names(folder):
    rows = pictures(folder, "img/{i}.png")
    for split in ("train", "test"):
        put(folder / f"{split}.txt", "".join(f"{path} {label}\n" for path, label, _, own in rows if own == split))
    put(folder / "classes.txt", "\n".join(NAMES))


def column_of_one_split(folder):
    rows = pictures(folder, "{i}.png")
    put(folder / "all.csv", "path,kind,is_test\n" + "".join(f"{p},{n},{s == 'test'}\n" for p, _, n, s in rows))


def splits_without_a_header(folder):
    rows = pictures(folder, "{i}.png")
    put(folder / "import.csv", "".join(f"{s.upper()},gs://mine/{p},{n}\n" for p, _, n, s in rows))


def split_and_class_in_names(folder):
    pictures(folder, "{split}_{name}_{i}.png")


def tensors_per_class(folder):
    for split in ("train", "test"):
        for label, name in enumerate(NAMES):
            put(folder / split / "x", "")
            np.save(folder / split / f"{name}.npy", IMAGES[(LABELS == label) & (SPLITS == split)])
        (folder / split / "x").unlink()


def arrays_in_folders(folder):
    for split in ("train", "test"):
        put(folder / f"{split}_set" / "classes.txt", "\n".join(NAMES))
        np.save(folder / f"{split}_set" / "images.npy", IMAGES[SPLITS == split])
        np.save(folder / f"{split}_set" / "labels.npy", LABELS[SPLITS == split])


def names_from_one(folder):
    parts = {"tr": slice(32), "te": slice(32, None)}
    images = {f"{split}_imgs": IMAGES[rows] for split, rows in parts.items()}
    labels = {f"{split}_lbls": LABELS[rows] + 1 for split, rows in parts.items()}
    np.savez(folder / "a.npz", **images, **labels, classes=np.array(NAMES, object))


def hdf5(folder):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "a.h5", "w") as file:
        for split in ("train", "test"):
            file[f"{split}/data"], file[f"{split}/target"] = IMAGES[SPLITS == split], LABELS[SPLITS == split]
        file.attrs["class_names"] = np.array(NAMES, "S")


def matlab_7_3(folder):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "a.mat", "w", userblock_size=512) as file:
        for split in ("train", "test"):
            file[f"{split}X"] = IMAGES[SPLITS == split].transpose(2, 1, 0)
            file[f"{split}Y"] = LABELS[SPLITS == split][None] + 1.0
    content = (folder / "a.mat").read_bytes()
    (folder / "a.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(128) + content[128:])
    put(folder / "label_names.json", json.dumps(NAMES))


def records_in_base64(folder):
    rows = zip(IMAGES, LABELS, SPLITS, strict=True)
    texts = [{"picture": base64.b64encode(encoded(x)).decode(), "label": NAMES[n], "split": s} for x, n, s in rows]
    put(folder / "a.json", json.dumps(texts))


def bytes_in_parquet(folder):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    named = [NAMES[label] for label in LABELS]
    columns = {"id": list(range(COUNT)), "img_bytes": list(map(encoded, IMAGES)), "category": named}
    pq.write_table(pa.table({**columns, "split": SPLITS.tolist()}), folder / "a.parquet")


def pairs_in_a_pickle(folder):
    pairs = [(image, NAMES[label]) for image, label in zip(IMAGES, LABELS, strict=True)]
    (folder / "a.pkl").write_bytes(pickle.dumps({"train": pairs[:32], "test": pairs[32:]}))


def webdataset(folder):
    for split in ("train", "test"):
        for shard in range(2):
            with tarfile.open(folder / f"{split}-{shard:05}.tar", "w") as file:
                for i in np.flatnonzero(SPLITS == split)[shard::2]:
                    for suffix, content in (("png", encoded(IMAGES[i])), ("cls", NAMES[LABELS[i]].encode())):
                        member = tarfile.TarInfo(f"{i:05}.{suffix}")
                        member.size = len(content)
                        file.addfile(member, io.BytesIO(content))


def labelme(folder):
    for path, _, name, _ in pictures(folder, "{split}/{i}.png"):
        put((folder / path).with_suffix(".json"), json.dumps({"shapes": [{"label": name}] * 2, "flags": {}}))


def voc(folder):
    for path, _, name, _ in pictures(folder, "{split}/pictures/{i}.png"):
        note = f"<annotation><object><name>{name}</name></object></annotation>"
        put(folder / path.replace("pictures", "notes").replace(".png", ".xml"), note)


def one_hot_behind_pixels(folder):
    rows = np.c_[IMAGES.reshape(COUNT, -1), np.eye(4, dtype=int)[LABELS]]
    np.savetxt(folder / "train_1.data", rows[:20], "%d", " ")
    np.savetxt(folder / "train_2.data", rows[20:32], "%d", " ")
    np.savetxt(folder / "test.data", rows[32:], "%d", " ")
    put(folder / "classmap.csv", "index,name\n" + "".join(f"{i},{name}\n" for i, name in enumerate(NAMES)))


LAYOUTS = [below_other_files, lists_of_each_split, lists_and_class_names, column_of_one_split, splits_without_a_header]
LAYOUTS += [split_and_class_in_names, tensors_per_class, arrays_in_folders, names_from_one, hdf5, matlab_7_3]
LAYOUTS += [records_in_base64, bytes_in_parquet, pairs_in_a_pickle, webdataset, labelme, voc, one_hot_behind_pixels]


def found_in(folder):
    return {
        (image.tobytes(), data.classes[label], "train" if split == "validation" else split)
        for split, data in load_dataset(folder).sets.items()
        for image, label in zip(data.images, data.labels, strict=True)
    }


@pytest.mark.parametrize("write", LAYOUTS, ids=[write.__name__ for write in LAYOUTS])
def test_every_picture_has_the_class_and_the_split_that_the_layout_says(write, tmp_path):
    write(tmp_path)
    expected = zip(IMAGES, LABELS, SPLITS.tolist(), strict=True)
    assert found_in(tmp_path) == {(image.tobytes(), NAMES[label], split) for image, label, split in expected}


def test_folders_that_are_numbered_parts_hold_the_classes(tmp_path):
    for i, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        put(tmp_path / f"writer_{i % 3}" / NAMES[label] / f"{i}.png", encoded(image))
    with pytest.warns(DataWarning, match="the classes are the folders in writer_0"):
        assert {name for _, name, _ in found_in(tmp_path)} == set(NAMES)


def test_pictures_of_one_class_are_said_to_be(tmp_path):
    pictures(tmp_path, "images/{i}.png")
    put(tmp_path / "about.md", "mine")
    with pytest.warns(DataWarning, match="all of one class, images"):
        load_dataset(tmp_path)


def test_labels_that_the_listed_classes_do_not_have_are_refused(tmp_path, refusal):
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=LABELS, classes=np.array(NAMES[:3]))
    assert "names 3 classes; found the label 3" in refusal(load_dataset, tmp_path)


def test_an_archive_beside_a_table_is_unpacked(tmp_path):
    rows = pictures(tmp_path / "pictures", "{i}.png")
    with tarfile.open(tmp_path / "pictures.tar", "w") as file:
        file.add(tmp_path / "pictures", ".")
    put(tmp_path / "mine" / "labels.csv", "file,label\n" + "".join(f"{path},{name}\n" for path, _, name, _ in rows))
    (tmp_path / "pictures.tar").rename(tmp_path / "mine" / "pictures.tar")
    assert {(image, name) for image, name, _ in found_in(tmp_path / "mine")} == {
        (image.tobytes(), NAMES[label]) for image, label in zip(IMAGES, LABELS, strict=True)
    }


def test_a_list_of_the_numbers_of_the_classes_names_no_pictures(tmp_path):
    rows = pictures(tmp_path, "images/{i}.png")
    put(tmp_path / "train_labels.csv", "id,class\n" + "".join(f"{i},{row[1]}\n" for i, row in enumerate(rows)))
    put(tmp_path / "class_to_idx.json", json.dumps({name: label for label, name in enumerate(NAMES)}))
    assert {(image, name) for image, name, _ in found_in(tmp_path)} == {
        (image.tobytes(), NAMES[label]) for image, label in zip(IMAGES, LABELS, strict=True)
    }


def counts_in(folder):
    held = [name for _, name, _ in found_in(folder)]
    return {name: held.count(name) for name in held}


@pytest.mark.parametrize("names", [("bus", "car", "train"), ("ka", "te", "to", "tr", "ha")])
def test_a_class_called_as_a_split_is_one_beside_others(names, tmp_path):
    for i, image in enumerate(IMAGES[:45]):
        put(tmp_path / names[i % len(names)] / f"{i}.png", encoded(image))
    assert counts_in(tmp_path) == dict.fromkeys(names, 45 // len(names))


def test_folders_of_splits_without_classes_are_no_classes(tmp_path, refusal):
    pictures(tmp_path, "{split}/{i}.png")
    put(tmp_path / "more" / "1.png", encoded(IMAGES[0]))
    assert "no dataset in it" in refusal(load_dataset, tmp_path)


@pytest.mark.parametrize("apart", [True, False])
def test_arrays_of_the_letters_x_and_y_are_classes(apart, tmp_path):
    arrays = {letter: IMAGES[n * 12 : n * 12 + 12] for n, letter in enumerate("axyz")}
    if apart:
        for letter, array in arrays.items():
            np.save(tmp_path / f"{letter}.npy", array)
    else:
        np.savez(tmp_path / "a.npz", **arrays)
    assert counts_in(tmp_path) == dict.fromkeys("axyz", 12)


@pytest.mark.parametrize("names", [("x_train", "x_test"), ("train", "test")])
def test_flat_bitmaps_of_splits_are_no_classes(names, tmp_path, refusal):
    for name in names:
        np.save(tmp_path / f"{name}.npy", RNG.integers(0, 256, (30, 784), dtype=np.uint8))
    assert "no labels" in refusal(load_dataset, tmp_path)


def csv_of_pictures(folder, cells):
    put(folder / "a.csv", "id,label\n" + "".join(f"{i}.png,{cell}\n" for i, cell in enumerate(cells)))


def lines_of_json(folder, cells):
    rows = [{"file_name": f"{i}.png", "label": json.loads(cell or "null")} for i, cell in enumerate(cells)]
    put(folder / "metadata.jsonl", "\n".join(map(json.dumps, rows)))


@pytest.mark.parametrize("write", [csv_of_pictures, lines_of_json])
@pytest.mark.parametrize("missing", ["", "NaN"])
def test_pictures_of_which_a_table_says_no_class_are_left_out_and_counted(write, missing, tmp_path):
    pictures(tmp_path, "{i}.png")
    write(tmp_path, [missing if i % 12 == 11 else f"{i % 12}.0" for i in range(COUNT)])
    with pytest.warns(DataWarning, match="left out 4 pictures that have no label"):
        data = load_dataset(tmp_path)
    assert data.classes == tuple(map(str, range(11)))


def test_rows_of_pixels_whose_label_is_nan_are_left_out_and_counted(tmp_path):
    rows = [
        [f"{label:.1f}" if i else "NaN", *image.ravel()]
        for i, (label, image) in enumerate(zip(LABELS, IMAGES, strict=True))
    ]
    header = ["label", *(f"pixel{n}" for n in range(144))]
    put(tmp_path / "a.csv", "\n".join(",".join(map(str, row)) for row in [header, *rows]))
    with pytest.warns(DataWarning, match="left out 1 of 48.*image 1: no label"):
        assert counts_in(tmp_path) == {"0": 11, "1": 12, "2": 12, "3": 12}


@pytest.mark.parametrize("none", [None, float("nan")])
def test_rows_of_arrays_without_a_label_are_counted(none, tmp_path):
    labels = [none if i < 4 else label for i, label in enumerate(LABELS.tolist())]
    np.savez(tmp_path / "a.npz", x=IMAGES, y=np.array(labels, object if none is None else float))
    with pytest.warns(DataWarning, match="left out 4 images that have no label"):
        assert counts_in(tmp_path) == dict.fromkeys("0123", 11)


@pytest.mark.parametrize("label", [2**63, float("inf")])
def test_labels_of_any_size_are_told_or_refused(label, tmp_path, refusal):
    labels = np.array([label, *LABELS[1:]], np.uint64 if isinstance(label, int) else float)
    np.savez(tmp_path / "a.npz", x=IMAGES, y=labels)
    if isinstance(label, int):
        assert set(counts_in(tmp_path)) == {*"0123", str(label)}
    else:
        assert "a.npz: labels are whole numbers or names; found inf" in refusal(load_dataset, tmp_path)


def test_an_empty_cell_of_a_column_of_pictures_is_a_broken_picture(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    cells = [encoded(image) if i not in (0, 9) else None for i, image in enumerate(IMAGES)]
    pq.write_table(pa.table({"image": cells, "label": LABELS.tolist()}), tmp_path / "a.parquet")
    with pytest.warns(DataWarning, match="left out 2 of 48"):
        assert sum(counts_in(tmp_path).values()) == COUNT - 2


def test_a_link_to_nothing_is_a_broken_picture(tmp_path):
    pictures(tmp_path, "{name}/{i}.png")
    (tmp_path / "ant" / "gone.png").symlink_to("nowhere")
    with pytest.warns(DataWarning, match="gone.png"):
        assert counts_in(tmp_path) == dict.fromkeys(NAMES, 12)


def test_notes_beside_pictures_that_say_no_class_are_no_tables(tmp_path):
    for path, *_ in pictures(tmp_path, "{name}_{i}.png"):
        put((tmp_path / path).with_suffix(".json"), json.dumps({"width": "ant_0", "height": "bee_1"}))
    assert counts_in(tmp_path) == dict.fromkeys(NAMES, 12)


def test_names_of_classes_from_a_file_beside_are_said(tmp_path):
    np.savez(tmp_path / "a.npz", x=IMAGES, y=LABELS)
    (tmp_path / "all_classes.txt").symlink_to("nowhere")
    put(tmp_path / "classes.txt", "\n".join(NAMES))
    assert "its classes named ant, bee, ..." in load_dataset(tmp_path / "a.npz").notes[0]
