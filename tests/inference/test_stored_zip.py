"""Archives as zipfile writes them; what else an archive could be is refused in test_model_file."""

import hashlib
import io
import zipfile

import pytest

from jaxdoodle.inference.stored_zip import pack, unpack

MEMBERS = {"header.json": b"{}", "empty": b"", "layers/0/w.npy": bytes(range(256)) * 5}


def by_zipfile(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, content)
    return buffer.getvalue()


@pytest.mark.parametrize("members", [{}, MEMBERS], ids=["empty", "three"])
def test_the_bytes_are_those_of_zipfile(members):
    assert pack(members) == by_zipfile(members)
    assert unpack(pack(members)) == members
    with zipfile.ZipFile(io.BytesIO(pack(members))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == members


def test_the_bytes_are_the_same_with_every_version_of_python():
    assert (
        hashlib.sha256(pack(MEMBERS)).hexdigest() == "9620a65280253f9d1da3052a7fed0730c157ce91377a615afaa635cf491694e2"
    )


def test_nothing_is_copied():
    data = pack(MEMBERS)
    assert all(view.obj is data for view in unpack(data).values())


def test_a_name_beyond_ascii_is_told_from_its_escape():
    data = by_zipfile({"\N{LATIN SMALL LETTER E WITH ACUTE}": b"1", "e": b"2"})
    assert list(unpack(data)) == [r"\xc3\xa9", "e"]
