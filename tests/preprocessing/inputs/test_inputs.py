import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from jaxdoodle.core.errors import InputError
from jaxdoodle.preprocessing import inputs
from jaxdoodle.preprocessing.config import MNIST
from jaxdoodle.preprocessing.inputs import pictures
from jaxdoodle.preprocessing.pipeline import preprocess
from jaxdoodle.strokes import readers, sketch_rnn

LINE = '{"drawing": [[[0, 4, 9], [5, 5, 5]]]}\n'


def test_a_folder_stands_for_what_is_in_it_and_below_by_name(tmp_path):
    for name in (
        "b/2.png",
        "b/10.JPG",
        "a.ndjson",
        "c.npy",
        ".DS_Store",
        "b/.x.png",
        "__MACOSX/d.png",
        ".g/e.png",
        "f.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    found = [name.removeprefix(f"{tmp_path}/") for name, _ in inputs.everything(str(tmp_path))]
    assert found == ["a.ndjson", "b/10.JPG", "b/2.png", "c.npy"]


def test_a_folder_without_any_is_said_to_be_so(tmp_path):
    ((name, error),) = inputs.everything(str(tmp_path))
    assert name == str(tmp_path) and "holds no picture and no drawing" in str(error)


def test_in_the_place_of_what_cannot_be_read_stands_the_error(tmp_path):
    (tmp_path / "a.json").write_text("?")
    (tmp_path / "b.ndjson").write_text(LINE + "{}\n" + LINE)
    (tmp_path / "c.npy").write_text("?")
    found = list(inputs.everything(str(tmp_path)))
    names = [name.removeprefix(f"{tmp_path}/") for name, _ in found]
    assert names == ["a.json", "b.ndjson:1", "b.ndjson:2", "b.ndjson:3", "c.npy"]
    assert [isinstance(content, InputError) for _, content in found] == [True, False, True, False, True]
    assert all(str(content).startswith(str(tmp_path)) for _, content in found if isinstance(content, InputError))


@pytest.mark.parametrize("shape", [(3, 784), (3, 784, 1), (3, 28, 28), (2, 40, 30), (40, 30)])
def test_an_array_holds_one_bitmap_or_many(shape, tmp_path):
    array = np.arange(np.prod(shape), dtype=np.uint64).astype(np.uint8).reshape(shape)
    np.save(tmp_path / "a.npy", array)
    found = list(inputs.items(str(tmp_path / "a.npy")))
    images = [array] if shape == (40, 30) else list(array.reshape(3, 28, 28) if 784 in shape else array)
    assert [name.rsplit(":")[-1] for name, _ in found] == [str(n) for n in range(len(images))]
    for (_, content), image in zip(found, images, strict=True):
        np.testing.assert_array_equal(content, image)


@pytest.mark.parametrize("shape", [(40, 30, 3), (40, 30, 1), (2, 40, 30, 4), (2, 3, 40, 30), (900,)])
@pytest.mark.parametrize("dtype", ["u1", "<f4", ">i8", "?"])
def test_an_array_of_numbers_holds_pictures_with_channels_or_not(shape, dtype, tmp_path):
    array = np.arange(np.prod(shape)).astype(dtype).reshape(shape)
    np.save(tmp_path / "a.npy", array)
    found = [content for _, content in inputs.items(str(tmp_path / "a.npy"))]
    np.testing.assert_array_equal(found, array if len(shape) == 4 else array[None])


@pytest.mark.parametrize(
    "array", [np.zeros((2, 3, 4, 5, 6)), np.zeros((0, 28)), np.array(["a"]), np.zeros((9, 9), "c8")]
)
def test_an_array_of_no_pictures_is_refused(array, tmp_path):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InputError, match=r"a.npy: holds .*; expected numbers \(height, width\)"):
        list(inputs.items(str(tmp_path / "a.npy")))


def test_bitmaps_may_be_stored_column_by_column(tmp_path):
    array = np.arange(2 * 40 * 30, dtype=np.uint8).reshape(2, 40, 30)
    np.save(tmp_path / "a.npy", np.asfortranarray(array))
    found = [content for _, content in inputs.items(str(tmp_path / "a.npy"))]
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_a_picture_is_turned_once_whichever_way_it_comes(suffix, tmp_path):
    page = np.full((90, 60), 255, np.uint8)
    page[10:80, 20:26] = page[74:80, 20:50] = 0  # an L
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    path = tmp_path / f"turned.{suffix}"
    Image.fromarray(page).transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)
    ((name, content),) = inputs.items(str(path))
    image = Image.open(io.BytesIO(path.read_bytes()))
    upright, *others = [preprocess(way, MNIST).bitmap for way in (path, image, content, inputs.picture(content, name))]
    assert np.abs(upright.astype(int) - preprocess(page, MNIST).bitmap).mean() < 2
    for bitmap in others:
        np.testing.assert_array_equal(bitmap, upright)


def test_a_file_of_sketch_rnn_holds_drawings_by_split(tmp_path):
    parts = {}
    for split in ("train", "valid", "test"):
        parts[split] = np.empty(2, object)
        for row in range(2):
            parts[split][row] = np.array([[5, 0, 0], [0, 7, 1], [9, 9, 0], [1, row, 1]], np.int16)
    np.savez_compressed(tmp_path / "cat.npz", **parts)
    found = dict(inputs.items(str(tmp_path / "cat.npz")))
    assert [name.rsplit(":", 2)[1:] for name in found] == [[s, n] for s in parts for n in "01"]
    first = found[f"{tmp_path}/cat.npz:test:1"]
    assert first == [([5.0, 5.0], [0.0, 7.0]), ([14.0, 15.0], [16.0, 17.0])]


def test_a_pickle_in_a_file_of_sketch_rnn_runs_nothing(tmp_path):
    class Harm:
        def __reduce__(self):
            return print, ("harm",)

    harm = np.empty(1, object)
    harm[0] = Harm()
    np.savez(tmp_path / "cat.npz", train=harm, valid=harm, test=harm)
    with pytest.raises(InputError, match=r"expected a sketch-rnn .npz.*; the pickle asks for builtins.print"):
        list(inputs.items(str(tmp_path / "cat.npz")))


def test_a_split_of_sketch_rnn_that_inflates_is_refused(tmp_path, monkeypatch):
    drawings = np.empty(1, object)
    drawings[0] = np.array([[0, 0, 0], [5, 5, 1]], np.int16)
    np.savez(tmp_path / "cat.npz", train=drawings, valid=drawings, test=drawings)
    assert list(inputs.items(str(tmp_path / "cat.npz")))
    monkeypatch.setattr(sketch_rnn, "MAX_BYTES", 10)
    with pytest.raises(InputError, match="cat.npz: .*a split takes more than 10 bytes"):
        list(inputs.items(str(tmp_path / "cat.npz")))


def test_every_kind_of_file_that_can_be_read_is_known():
    assert set(inputs.MANY_DRAWINGS + inputs.ONE_DRAWING) == set(readers.READERS)
    plain = {item for item in pictures.PICTURE_FORMATS.items() if item[1] not in pictures.OPTIONAL_FORMATS}
    assert plain <= set(Image.registered_extensions().items())


@pytest.mark.parametrize("shape", ["(" + "9" * 40 + ", 784)", "(-1, 784)", "((2, 784)", "(4294967296, 4294967296)"])
def test_a_hostile_header_of_an_array_is_refused_in_one_line(shape, tmp_path):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    path = tmp_path / "bad.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\x00" * 784)
    with pytest.raises(InputError, match="bad.npy: (its .npy header is damaged|truncated)"):
        list(inputs.items(str(path)))


@pytest.mark.parametrize("text", ["word " * 2000, "a line\n" * 40, "x" * 300])
def test_a_long_text_that_is_no_path_is_told_in_one_short_line(text):
    with pytest.raises(InputError) as error:
        preprocess(text, MNIST)
    told = str(error.value)
    assert told.startswith(f"{text[:40]!r}...: ") and len(told) < 200 and "\n" not in told
