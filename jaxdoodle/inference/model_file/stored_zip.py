"""Zip archives whose members are stored as they are: written as ``zipfile`` writes them, read without trust.

The reader knows one form of archive: members side by side from the first byte, each behind a header that repeats its
entry in the directory, then the directory, then its end. It inflates nothing and copies nothing.
"""

from __future__ import annotations

import io
import struct
from binascii import crc32
from collections.abc import Mapping

#: Version, flags, method, time, date; CRC-32, size in the archive, size; lengths of the name and of what is extra.
_MEMBER = struct.Struct("<5H3I2H")
#: Signature, program; the same again; length of a comment, disk, attributes inside and outside, place of the member.
_ENTRY = struct.Struct(f"<4sH{_MEMBER.size}s3H2I")
#: Signature; disk, disk of the directory, entries here and in all; size and place of the directory; comment.
_END = struct.Struct("<4s4H2IH")

MAX_MEMBERS = 1000

_UNIX = 3
_UTF8 = 1 << 11
_PLAIN_FILE = 0o10  # the type in a Unix mode; 0 where there is none


def pack(members: Mapping[str, bytes]) -> bytes:
    """The archive of these members, whose names are ASCII: the same members give the same bytes."""
    from zipfile import ZipFile, ZipInfo  # not needed to predict

    archive = io.BytesIO()
    with ZipFile(archive, "w") as writer:
        for name, content in members.items():
            member = ZipInfo(name)  # of the first of January 1980
            member.create_system, member.external_attr = _UNIX, 0o644 << 16
            writer.writestr(member, content)
    return archive.getvalue()


def unpack(data: bytes) -> dict[str, memoryview]:
    """Name and content of each member, in order. Raises ``ValueError`` at any other archive, saying what is wrong."""
    end = len(data) - _END.size
    if end < 0 or not data.startswith(b"PK\5\6", end):
        raise ValueError("it does not end as a zip archive without a comment ends")
    _, *disks, here, count, size, entry, comment = _END.unpack_from(data, end)
    if disks != [0, 0] or here != count or entry + size != end or comment:
        raise ValueError("the end of the zip archive says what the archive is not")
    if count > MAX_MEMBERS:
        raise ValueError(f"the zip archive has {count} members; at most {MAX_MEMBERS} are read")
    members: dict[str, memoryview] = {}
    place, directory = 0, entry
    while entry < end:
        signature, _, member, comment, disk, _, attributes, claimed = _ENTRY.unpack_from(data, entry)
        _, flags, method, _, _, crc, size, full_size, name_length, extra = _MEMBER.unpack(member)
        title = data[entry + _ENTRY.size : entry + _ENTRY.size + name_length]
        entry += _ENTRY.size + name_length
        name = title.decode("ascii", "backslashreplace")
        shown = ascii(name[:80])[1:-1]
        if method or size != full_size:
            raise ValueError(f"{shown} is compressed; members are stored as they are")
        if flags & ~_UTF8 or extra or comment or disk or attributes >> 28 not in (0, _PLAIN_FILE):
            raise ValueError(f"{shown} is more than a stored file: encrypted, extended, commented or no plain file")
        start = place + 4 + _MEMBER.size + name_length
        if signature != b"PK\1\2" or data[place:start] != b"PK\3\4" + member + title or claimed != place:
            raise ValueError(f"the zip archive's directory and its member {shown} do not agree")
        if name in members:
            raise ValueError(f"{shown} comes twice in the archive; expected each member once")
        place = start + size
        members[name] = memoryview(data)[start:place]
        if place > directory or crc32(members[name]) != crc:
            raise ValueError(f"the CRC-32 of {shown} is not that of its content")
    if len(members) != count or place != directory or entry != end:
        raise ValueError("the zip archive has members, or bytes, that its directory does not have")
    return members
