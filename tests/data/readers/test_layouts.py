"""Datasets as people lay them out: classes, splits and names come from wherever the layout says them."""

import base64
import io
import json
import pickle
import tarfile

import numpy as np
import pytest

from tests.fixtures.datasets import encoded, put
from tests.fixtures.layouts import COUNT, IMAGES, LABELS, NAMES, SPLITS, found_in, pictures


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


@pytest.mark.parametrize("write", LAYOUTS, ids=[write.__name__ for write in LAYOUTS])
def test_every_picture_has_the_class_and_the_split_that_the_layout_says(write, tmp_path):
    write(tmp_path)
    expected = zip(IMAGES, LABELS, SPLITS.tolist(), strict=True)
    assert found_in(tmp_path) == {(image.tobytes(), NAMES[label], split) for image, label, split in expected}
