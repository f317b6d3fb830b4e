import json

import pytest

from jaxdoodle.core.errors import DataWarning
from jaxdoodle.data import load_dataset
from jaxdoodle.data.readers.label_tables import label_tables
from tests.fixtures import layouts
from tests.fixtures.datasets import put

#: A table by its name and text -> the classes and splits of a.png and b.png.
TABLES = {
    "labels.csv": ("name,size,label\na.png,3,cat\nb.png,4,dog\n", "cat None", "dog None"),
    "paths elsewhere.csv": ("path,label\nC:\\me\\images\\a.png,cat\n/x/images/b.png,dog\n", "cat None", "dog None"),
    "a column of splits.csv": ("file,label,split\na.png,cat,train\nb.png,dog,Test\n", "cat train", "dog test"),
    "a column for each class.csv": ("filename, cat, dog\na.png,1,0\nb.png,0,1\n", "cat None", "dog None"),
    "train_labels.csv": ("id,class\na,cat\nb,dog\n", "cat train", "dog train"),
    "numbers of splits.csv": ("file,label,split\na.png,cat,0\nb.png,dog,2\nc.png,cat,1\n", "cat train", "dog test"),
    "list_eval_partition.txt": ("a.png 1\nb.png 0\nc.png 2\n", "None validation", "None train"),
    "names.json": (json.dumps({"a.png": 3, "images/b.png": 5}), "3 None", "5 None"),
    "records.json": (json.dumps([{"f": "a.png", "label": "x"}, {"label": "y", "f": "b.png"}]), "x None", "y None"),
    "coco.json": (
        json.dumps({
            "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
            "categories": [{"id": 8, "name": "ant"}, {"id": 9, "name": "bee"}],
            "annotations": [{"image_id": 1, "category_id": 9}, {"image_id": 2, "category_id": 8}],
        }), "bee None", "ant None",
    ),
    "several objects.json": (
        json.dumps({
            "images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 8, "name": "ant"}],
            "annotations": [{"image_id": 1, "category_id": 8}] * 2,
        }), None, None,
    ),
    "sample_submission.csv": ("name,label\na.png,0\nb.png,0\n", None, None),
    "notes.txt": ("nothing of the kind\n", None, None),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_a_table_says_classes_and_splits(name, tmp_path):
    text, *expected = TABLES[name]
    (tmp_path / name).write_text(text)
    pictures = [tmp_path / "images" / f"{letter}.png" for letter in "abc"]
    found, _ = label_tables(tmp_path, pictures, notes := [])
    assert notes == []
    assert [" ".join(map(str, found[file])) if file in found else None for file in pictures[:2]] == expected


def test_a_table_may_name_pictures_by_the_last_folders_alone(tmp_path):
    pictures = [tmp_path / "jpg" / name / "1.png" for name in ("ant", "bee")]
    (tmp_path / "train.txt").write_text("ant/1\nbee/1\n")
    assert label_tables(tmp_path, pictures, [])[0] == dict.fromkeys(pictures, (None, "train"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_table_may_be_of_another_computer_and_another_encoding(encoding, tmp_path):
    pictures = [tmp_path / "img" / f"{letter}.png" for letter in "ab"]
    rows = "path\tlabel\tsplit\nC:\\data\\img\\a.png\tant\ttrain\nC:\\data\\img\\b.png\tbee\tva\n"
    (tmp_path / "meta.csv").write_text(rows, encoding=encoding)
    found, _ = label_tables(tmp_path, pictures, [])
    assert list(found.values()) == [("ant", "train"), ("bee", "validation")]


def test_tables_of_train_and_of_test_count_more_than_others(tmp_path):
    pictures = [tmp_path / f"{name}.png" for name in "abc"]
    for table, row in {"Train.csv": "a.png,0", "Test.csv": "b.png,1", "Meta.csv": "c.png,7"}.items():
        (tmp_path / table).write_text(f"Path,ClassId\n{row}\n")
    found, _ = label_tables(tmp_path, pictures, notes := [])
    assert found == {pictures[0]: ("0", "train"), pictures[1]: ("1", "test")}
    assert notes == ["left out Meta.csv, whose name says neither train nor test"]


#: Tables that name a.png, b.png and c.png -> their classes; what is said where no column is that of the classes.
UNNAMED = {
    "f.csv": ("filename,width,species\na.png,28,cat\nb.png,28,dog\nc.png,28,cat\n", ["cat", "dog", "cat"]),
    "g.csv": ("0,a.png,cat\n1,b.png,dog\n2,c.png,dog\n", ["cat", "dog", "dog"]),
    "h.csv": ("filename,width,height\na.png,28,8\nb.png,29,8\nc.png,28,9\n", "(filename, width, height)"),
    "i.csv": ("f,species,color\na.png,cat,red\nb.png,dog,red\nc.png,cat,blue\n", "(f, species, color)"),
}


@pytest.mark.parametrize("name", UNNAMED)
def test_of_several_columns_without_a_known_name_the_only_words_that_repeat_are_the_classes(name, tmp_path):
    text, expected = UNNAMED[name]
    (tmp_path / name).write_text(text)
    pictures = [tmp_path / f"{letter}.png" for letter in "abc"]
    found, _ = label_tables(tmp_path, pictures, notes := [])
    if isinstance(expected, str):
        assert not found and len(notes) == 1 and expected in notes[0] and "expected one named label" in notes[0]
    else:
        assert [found[file][0] for file in pictures] == expected and not notes


def test_a_cell_with_thousands_of_slashes_names_no_picture(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"imageData": "ab/c" * 3000, "imagePath": "a.png"}))
    (tmp_path / "labels.csv").write_text(f"file,note,label\na.png,{'x/' * 1500},cat\nb.png,,dog\n")
    found, _ = label_tables(tmp_path, [tmp_path / "a.png", tmp_path / "b.png"], notes := [])
    assert [name for name, _ in found.values()] == ["cat", "dog"] and notes == []


def test_a_list_of_the_numbers_of_the_classes_names_no_pictures(tmp_path):
    rows = layouts.pictures(tmp_path, "images/{i}.png")
    put(tmp_path / "train_labels.csv", "id,class\n" + "".join(f"{i},{row[1]}\n" for i, row in enumerate(rows)))
    put(tmp_path / "class_to_idx.json", json.dumps({name: label for label, name in enumerate(layouts.NAMES)}))
    assert {(image, name) for image, name, _ in layouts.found_in(tmp_path)} == {
        (image.tobytes(), layouts.NAMES[label]) for image, label in zip(layouts.IMAGES, layouts.LABELS, strict=True)
    }


def csv_of_pictures(folder, cells):
    put(folder / "a.csv", "id,label\n" + "".join(f"{i}.png,{cell}\n" for i, cell in enumerate(cells)))


def lines_of_json(folder, cells):
    rows = [{"file_name": f"{i}.png", "label": json.loads(cell or "null")} for i, cell in enumerate(cells)]
    put(folder / "metadata.jsonl", "\n".join(map(json.dumps, rows)))


@pytest.mark.parametrize("write", [csv_of_pictures, lines_of_json])
@pytest.mark.parametrize("missing", ["", "NaN"])
def test_pictures_of_which_a_table_says_no_class_are_left_out_and_counted(write, missing, tmp_path):
    layouts.pictures(tmp_path, "{i}.png")
    write(tmp_path, [missing if i % 12 == 11 else f"{i % 12}.0" for i in range(layouts.COUNT)])
    with pytest.warns(DataWarning, match="left out 4 pictures that have no label"):
        data = load_dataset(tmp_path)
    assert data.classes == tuple(map(str, range(11)))


def test_notes_beside_pictures_that_say_no_class_are_no_tables(tmp_path):
    for path, *_ in layouts.pictures(tmp_path, "{name}_{i}.png"):
        put((tmp_path / path).with_suffix(".json"), json.dumps({"width": "ant_0", "height": "bee_1"}))
    assert layouts.counts_in(tmp_path) == dict.fromkeys(layouts.NAMES, 12)


#: Files that are joined by the ids in their first columns: as CUB has them, and with names of columns.
JOINED = {
    "CUB": {
        "images.txt": "1 cat/a.png\n2 dog/b.png\n",
        "image_class_labels.txt": "1 7\n2 9\n",
        "train_test_split.txt": "2 0\n1 1\n",
        "bounding_boxes.txt": "1 0 0 9 9\n2 0 0 9 9\n",
    },
    "tables": {
        "pictures.csv": "id,path,width\nx1,a.png,28\nx2,b.png,28\n",
        "marks.csv": "id,label\nx2,9\nx1,7\n",
        "use.csv": "id;split\nx1;train\nx2;test\n",
    },
}


@pytest.mark.parametrize("kind", JOINED)
def test_files_are_joined_by_the_ids_of_the_pictures(kind, tmp_path):
    for name, text in JOINED[kind].items():
        (tmp_path / name).write_text(text)
    pictures = [tmp_path / "images" / "cat" / "a.png", tmp_path / "images" / "dog" / "b.png"]
    found, _ = label_tables(tmp_path, pictures, notes := [])
    assert [found[file] for file in pictures] == [("7", "train"), ("9", "test")] and notes == []


def test_columns_of_zeros_and_ones_are_classes_beside_others(tmp_path):
    (tmp_path / "a.csv").write_text("file,width,cat,dog\na.png,28,0.0,1.0\nb.png,30,1.0,0.0\n")
    found, _ = label_tables(tmp_path, [tmp_path / "a.png", tmp_path / "b.png"], [])
    assert [name for name, _ in found.values()] == ["dog", "cat"]


def test_pictures_of_which_a_table_leaves_the_split_empty_are_counted(tmp_path):
    (tmp_path / "a.csv").write_text("file,label,is_train\na.png,x,1\nb.png,y,\nc.png,y,0\n")
    found, _ = label_tables(tmp_path, [tmp_path / f"{name}.png" for name in "abc"], notes := [])
    assert [split for _, split in found.values()] == ["train", "test"]
    assert notes == ["left out 1 names of which a.csv does not say the split"]


def test_notes_of_yolo_say_the_class_of_a_picture_with_objects_of_one(tmp_path):
    for i, (path, label, *_) in enumerate(layouts.pictures(tmp_path, "{split}/images/{i}.png")):
        boxes = f"{label} 0.5 0.5 0.8 0.75\n" * (1 + i % 2)
        layouts.put(tmp_path / path.replace("images", "labels").replace(".png", ".txt"), boxes)
    layouts.put(tmp_path / "data.yaml", "train: ../train/images\nnc: 4\nnames: ['ant', 'bee', 'cow', 'dog']\n")
    assert layouts.counts_in(tmp_path) == dict.fromkeys(layouts.NAMES, 12)


@pytest.mark.parametrize("labels", [[None] * 3, ["0", "1", "1"]], ids=["alone", "with labels"])
def test_a_list_of_names_with_spaces_is_read(labels, tmp_path):
    names = ("flying saucer/1.png", "flying bird/1.png", "flying bird/2.png")
    rows = [name if label is None else f"{name} {label}" for name, label in zip(names, labels, strict=True)]
    (tmp_path / "test.txt").write_text("\n".join(rows))
    found, _ = label_tables(tmp_path, [tmp_path / name for name in names], [])
    assert found == {tmp_path / name: (label, "test") for name, label in zip(names, labels, strict=True)}
