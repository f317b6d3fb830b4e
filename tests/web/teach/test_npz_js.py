"""``npz.js``: what the page writes, the library reads."""

import hashlib
import io
import json
import zlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdoodle.inference import model_file
from jaxdoodle.inference.model_file.stored_zip import pack
from tests.fixtures.node import ask, needs_node

pytestmark = needs_node

NUMBERS = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53) + 1, 2**53 - 1))
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet="abcxyz", max_size=3), inner),
    max_leaves=20,
)
#: How the digest of a model file wants JSON.
CANONICAL = {"sort_keys": True, "separators": (",", ":")}


@settings(max_examples=1)
@given(st.lists(VALUES, min_size=200, max_size=200))
def test_json_is_what_python_makes_of_it_again(values):
    """A float without a fraction is written as an integer, which Python reads as one."""
    for text in ask("teach/npz.js", "(values) => values.map(it.asPython)", values):
        assert json.dumps(json.loads(text), **CANONICAL) == text


def test_numbers_of_every_size_are_written_as_python_writes_them():
    numbers = [sign * 1.7 * 10.0**power for power in range(-320, 309) for sign in (1, -1)]
    found = ask("teach/npz.js", "(values) => values.map(it.asPython)", numbers)
    assert [float(text) for text in found] == numbers
    assert [json.dumps(json.loads(text)) for text in found] == found


def test_digests_and_checksums_are_those_of_python():
    rng = np.random.default_rng(0)
    given = [rng.integers(0, 256, size).tolist() for size in (0, 1, 55, 56, 63, 64, 65, 119, 120, 1000)]
    program = "(all) => all.map((bytes) => [it.sha256(Uint8Array.from(bytes)), it.crc32(Uint8Array.from(bytes))])"
    found = ask("teach/npz.js", program, given)
    assert found == [[hashlib.sha256(bytes(one)).hexdigest(), zlib.crc32(bytes(one))] for one in given]


def test_an_archive_is_byte_for_byte_what_the_library_writes():
    members = {"header.json": b"{}", "layers/0/w.npy": bytes(range(256)) * 3, "a": b""}
    program = "(all) => [...it.zip(all.map(([name, bytes]) => [name, Uint8Array.from(bytes)]))]"
    found = ask("teach/npz.js", program, [[name, list(content)] for name, content in members.items()])
    assert bytes(found) == pack(members)


def test_arrays_are_what_numpy_loads():
    for array in (np.arange(6, dtype=np.float32).reshape(2, 3), np.arange(5, dtype=np.uint8)):
        kind = "Float32Array" if array.dtype == np.float32 else "Uint8Array"
        program = f"([values, shape]) => [...it.npy({{ array: {kind}.from(values), shape }})]"
        found = bytes(ask("teach/npz.js", program, [array.ravel().tolist(), array.shape]))
        np.testing.assert_array_equal(np.load(io.BytesIO(found)), array)
        assert len(found) == 128 + array.nbytes


def test_a_model_file_is_read_again(doodle_model):
    metadata = model_file.metadata_of(doodle_model)
    arrays = {f"layers/{i}/{name}.npy": value for i, p in enumerate(doodle_model.params) for name, value in p.items()}
    arrays |= {"goldens/inputs.npy": doodle_model.golden_inputs, "goldens/logits.npy": doodle_model.golden_logits}
    given = {name: [value.ravel().tolist(), value.shape, value.dtype.name] for name, value in arrays.items()}
    program = """([metadata, given]) => {
      const entries = Object.entries(given).map(([name, [values, shape, type]]) => {
        return [name, { array: (type === "uint8" ? Uint8Array : Float32Array).from(values), shape }];
      });
      return Buffer.from(it.modelFile(metadata, Object.fromEntries(entries))).toString("latin1");
    }"""
    data = ask("teach/npz.js", program, [metadata, given]).encode("latin1")
    read = model_file.decode(data)
    assert read.spec == doodle_model.spec and read.preprocessing == doodle_model.preprocessing
    np.testing.assert_array_equal(read.network.logits(read.golden_inputs), doodle_model.golden_logits)
    assert model_file.encode(read)[-100:]
