import os
import pickle
import struct
from collections import OrderedDict

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.unpickle import unpickle

ARRAYS = {
    "W1": np.arange(6, dtype=np.float64).reshape(2, 3),
    "b1": np.ones((3, 1), ">f4"),
    "fortran": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
    "scalar": np.float32(2.5),
    "empty": np.zeros((0, 3)),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_in_lists_and_dicts_are_read_at_every_protocol(protocol):
    value = OrderedDict(ARRAYS) | {"nested": [(ARRAYS["W1"],), [1.5, 2, True, None, "text"]]}
    found = unpickle(pickle.dumps(value, protocol))
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    np.testing.assert_array_equal(found["nested"][0][0], ARRAYS["W1"])
    assert found["nested"][1] == [1.5, 2, True, None, "text"]


class Calls:
    """Pickled as a call of anything."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def short(text):
    return b"\x8c" + struct.pack("<B", len(text)) + text.encode()


def array_with(shape, content, dtype="f8"):
    """The pickle of an array whose parts do not fit each other."""
    made = pickle.dumps(np.zeros(1), 2)
    state = pickle.dumps((1, shape, np.dtype(dtype), False, content), 2)[2:-1]
    return made[: made.index(b"K\x01K\x01")].rsplit(b"(", 1)[0] + state + b"b."


def laughs():
    """Ten lists, each with the one before it ten times: ten thousand million values in a few bytes."""
    value = [1.0]
    for _ in range(7):
        value = [value] * 100
    return pickle.dumps(value)


ATTACKS = {
    "runs a command": lambda mark: pickle.dumps(Calls(os.system, (f": > {mark}",))),
    "evaluates": lambda mark: pickle.dumps(Calls(eval, (f"open({str(mark)!r}, 'w')",))),
    "runs a command, by the oldest protocol": lambda mark: f"cos\nsystem\n(S': > {mark}'\ntR.".encode(),
    "makes an instance by INST": lambda mark: f"(S': > {mark}'\nios\nsystem\n.".encode(),
    "makes an instance by OBJ": lambda mark: b"(cos\nsystem\n" + f"S': > {mark}'\no.".encode(),
    "makes an object by NEWOBJ": lambda mark: b"\x80\x02csubprocess\nPopen\n" + f"(S': > {mark}'\nt\x81.".encode(),
    "reaches through a dotted name": lambda mark: (
        b"\x80\x04" + short("numpy") + short("f2py.os.system") + b"\x93" + short(f": > {mark}") + b"\x85R."
    ),
    "loads a file through NumPy": lambda mark: pickle.dumps(Calls(np.load, (str(mark),))),
    "asks for a persistent object": lambda mark: b"Pwhatever\n.",
    "asks for an extension": lambda mark: b"\x82\x01.",
    "sets attributes of a function": lambda mark: b"cnumpy\ndtype\n}(S'__call__'\nI1\nub.",
    "calls a stand-in with nonsense": lambda mark: b"cnumpy\ndtype\n(I1\nI2\ntR.",
    "encodes with another codec": lambda mark: b"c_codecs\nencode\n(Vabc\nVrot13\ntR.",
    "makes a record array": lambda mark: pickle.dumps(np.zeros(2, [("a", "f4")]), 2),
    "promises a larger array": lambda mark: array_with((10**12,), b"\0" * 8),
    "promises a negative array": lambda mark: array_with((-1, -1), b"\0" * 8),
    "promises a shape of arrays": lambda mark: array_with(("a",), b"\0" * 8),
    "promises long bytes": lambda mark: b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"a.",
    "promises a long bytearray": lambda mark: b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"a.",
    "refers to a list many times": lambda mark: laughs(),
    "contains itself": lambda mark: b"\x80\x02]q\x00h\x00a.",
    "nests deeply": lambda mark: b"\x80\x02" + b"]" * 10_000 + b"a" * 9_999 + b".",
    "is cut off": lambda mark: pickle.dumps(ARRAYS)[:-20],
    "is empty": lambda mark: b"",
    "is something else": lambda mark: b"PK\x03\x04 a zip archive",
    "makes a set": lambda mark: pickle.dumps({1, 2}),
    "hashes a tuple of tuples, each twice the one before": lambda mark: b"\x80\x02})" + b"2\x86" * 33 + b"K\x01s.",
    "hashes a tuple of triples within a list": lambda mark: b"\x80\x02](})" + b"22\x87" * 24 + b"K\x01se.",
    "hashes a deep tuple": lambda mark: b"\x80\x02})" + b"\x85" * 200_000 + b"K\x00s.",
    "has integer keys of one hash": lambda mark: pickle.dumps({(2**61 - 1) * i: 0 for i in range(9, 300)}),
    "refers to one array many times": lambda mark: pickle.dumps([[np.zeros(4)] * 1000] * 1001),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_pickle_that_is_no_plain_data_is_refused(attack, tmp_path):
    mark = tmp_path / "mark"
    with pytest.raises(InputError) as refused:
        unpickle(ATTACKS[attack](mark))
    assert "\n" not in str(refused.value)
    assert not mark.exists()


def test_an_array_of_another_size_than_its_bytes_is_refused_with_both():
    data = pickle.dumps(np.zeros(4, np.float32), 2)
    assert data.count(b"K\x04\x85") == 1
    with pytest.raises(InputError, match=r"shape \(5,\) has 16 bytes of content"):
        unpickle(data.replace(b"K\x04\x85", b"K\x05\x85"))


def test_the_attacks_would_work_on_pickle_itself(tmp_path):
    for attack in ("runs a command", "runs a command, by the oldest protocol", "makes an instance by INST"):
        pickle.loads(ATTACKS[attack](tmp_path / attack.replace(" ", "-")))
    assert len(list(tmp_path.iterdir())) == 3


def test_a_damaged_pickle_is_read_or_refused():
    """Nothing but ``InputError`` comes out, whichever byte is another."""
    whole, rng = pickle.dumps(ARRAYS, 4), np.random.default_rng(0)
    refused = 0
    for place, byte in zip(rng.integers(0, len(whole), 400), rng.integers(0, 256, 400), strict=True):
        damaged = bytearray(whole)
        damaged[place] = byte
        try:
            unpickle(bytes(damaged))
        except InputError:
            refused += 1
    assert 100 < refused < 400
