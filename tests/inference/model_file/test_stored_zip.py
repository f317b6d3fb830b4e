"""Archives as zipfile writes them; what else an archive could be is refused in test_model_file."""

import hashlib
import io
import zipfile

import pytest

from jaxdoodle.inference.model_file.stored_zip import pack, unpack

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


@pytest.mark.parametrize("moved", [-1, 1])
def test_a_member_elsewhere_than_its_directory_says_is_refused(moved):
    data = pack(MEMBERS)
    last = data.rindex(b"PK\1\2") + 42  # of the entry, where the place of its member is
    claimed = int.from_bytes(data[last : last + 4], "little") + moved
    with pytest.raises(ValueError, match="directory and its member .* do not agree"):
        unpack(data[:last] + claimed.to_bytes(4, "little") + data[last + 4 :])
