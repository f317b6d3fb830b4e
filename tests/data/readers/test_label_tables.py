import json

import pytest

from jaxdoodle.data.readers.label_tables import label_tables

#: A table by its name and text -> the classes and splits of a.png and b.png.
TABLES = {
    "labels.csv": ("name,size,label\na.png,3,cat\nb.png,4,dog\n", "cat None", "dog None"),
    "paths elsewhere.csv": ("path,label\nC:\\me\\images\\a.png,cat\n/x/images/b.png,dog\n", "cat None", "dog None"),
    "a column of splits.csv": ("file,label,split\na.png,cat,train\nb.png,dog,Test\n", "cat train", "dog test"),
    "a column for each class.csv": ("filename, cat, dog\na.png,1,0\nb.png,0,1\n", "cat None", "dog None"),
    "train_labels.csv": ("id,class\na,cat\nb,dog\n", "cat train", "dog train"),
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
    pictures = [tmp_path / "images" / "a.png", tmp_path / "images" / "b.png"]
    found, _ = label_tables(tmp_path, pictures, notes := [])
    assert notes == []
    assert [" ".join(map(str, found[file])) if file in found else None for file in pictures] == expected


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
