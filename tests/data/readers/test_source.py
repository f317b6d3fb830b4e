"""Archives and folders as they lie on the disk."""

import io
import shutil
import tarfile
import zipfile

import pytest
from PIL import Image

from jaxdoodle.core.errors import InputError
from jaxdoodle.data import load_dataset
from jaxdoodle.data.readers.source import unpacked
from tests.fixtures import layouts
from tests.fixtures.datasets import IMAGES, LABELS, PAIRS, encoded, first_word, pairs, pairs_in, put


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


def tar_of(path, name, content=b"", linked=None):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    if linked:
        member.type, member.linkname = tarfile.LNKTYPE, linked
    with tarfile.open(path, "a") as file:
        file.addfile(member, None if linked else io.BytesIO(content))
    return path


def test_links_of_a_tar_are_what_they_are_to(tmp_path):
    tar_of(tmp_path / "a.tar", "./0/a.png", b"content")
    with unpacked(tar_of(tmp_path / "a.tar", "/1/b.png", linked="./0/a.png")) as (place, _):
        assert sorted(path.name for path in place.rglob("*.png")) == ["a.png", "b.png"]
        assert {path.read_bytes() for path in place.rglob("*.png")} == {b"content"}


@pytest.mark.parametrize(("member", "told"), [({"name": "../out.png"}, "outside of it"),
                                              ({"name": "a.png", "linked": "none.png"}, "none.png")])  # fmt: skip
def test_a_tar_that_leaves_its_folder_or_lacks_a_file_is_refused(tmp_path, member, told):
    with pytest.raises(InputError, match=rf"a\.tar: cannot be unpacked; .*{told}"):
        load_dataset(tar_of(tmp_path / "a.tar", **member))
    assert [path.name for path in tmp_path.rglob("*")] == ["a.tar"]


def test_an_archive_beside_a_table_is_unpacked(tmp_path):
    rows = layouts.pictures(tmp_path / "pictures", "{i}.png")
    with tarfile.open(tmp_path / "pictures.tar", "w") as file:
        file.add(tmp_path / "pictures", ".")
    put(tmp_path / "mine" / "labels.csv", "file,label\n" + "".join(f"{path},{name}\n" for path, _, name, _ in rows))
    (tmp_path / "pictures.tar").rename(tmp_path / "mine" / "pictures.tar")
    assert {(image, name) for image, name, _ in layouts.found_in(tmp_path / "mine")} == {
        (image.tobytes(), layouts.NAMES[label]) for image, label in zip(layouts.IMAGES, layouts.LABELS, strict=True)
    }


def test_names_with_the_separators_of_windows_are_folders(tmp_path):
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for i, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
            archive.writestr(f"My Pictures\\{label}\\IMG{' copy' * (i % 2)} {i}.PNG", encoded(image))
        archive.writestr("..\\..\\out.txt", "is kept within")
    assert pairs_in(tmp_path / "mine.zip") == PAIRS and not (tmp_path.parent / "out.txt").exists()


@pytest.mark.parametrize("form", ["gztar", "zip"])
def test_an_archive_in_a_folder_of_an_archive_is_unpacked(form, tmp_path):
    (tmp_path / "data").mkdir()
    first_word(tmp_path / "data")
    (tmp_path / "outer" / "caltech").mkdir(parents=True)
    shutil.make_archive(str(tmp_path / "outer" / "caltech" / "Categories"), form, tmp_path / "data")
    assert pairs_in(shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path / "outer")) == PAIRS
