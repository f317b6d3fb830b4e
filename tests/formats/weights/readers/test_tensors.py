"""safetensors: what its publishers say of hostile files, each refused in one line."""

import json

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.formats.weights.readers import read_weights


def tensors(header, numbers=b"\0" * 16, size=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if size is None else size).to_bytes(8, "little") + text + numbers


def entry(start=0, stop=16, shape=(4,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, stop]}


ATTACKS = {
    "many tensors of the same numbers": tensors({f"w{i}": entry() for i in range(100)}),
    "tensors that overlap": tensors({"a": entry(0, 12, (3,)), "b": entry(8, 16, (2,))}),
    "a hole between tensors": tensors({"a": entry(0, 4, (1,)), "b": entry(8, 16, (2,))}),
    "numbers that no tensor has": tensors({"a": entry(0, 8, (2,))}),
    "numbers beyond the end": tensors({"a": entry(0, 64, (16,))}),
    "a shape of other size": tensors({"a": entry(0, 16, (5,))}),
    "a shape that overflows": tensors({"a": entry(0, 16, (2**62, 2**62))}),
    "a negative shape": tensors({"a": entry(0, 16, (-2, -2))}),
    "offsets backwards": tensors({"a": entry(16, 0)}),
    "a key twice": tensors(b'{"a":%b,"a":%b}' % ((json.dumps(entry()).encode(),) * 2)),
    "an unknown type": tensors({"a": entry(dtype="F7")}),
    "a header beyond the end": tensors({"a": entry()}, size=10_000),
    "a header that is no JSON": tensors(b"{" * 40),
    "a header of deep lists": tensors(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_hostile_file_is_refused_in_one_line(name, tmp_path):
    (tmp_path / "w.safetensors").write_bytes(ATTACKS[name])
    with pytest.raises(InputError) as refused:
        read_weights(tmp_path / "w.safetensors")
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400


def test_brain_floats_are_the_upper_halves_of_floats(tmp_path):
    values = np.array([1.0, -2.5, 0.0, 3.0], np.float32)
    numbers = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    (tmp_path / "w").write_bytes(tensors({"b": entry(0, 8, (4,), "BF16")}, numbers))
    np.testing.assert_array_equal(read_weights(tmp_path / "w")[1].arrays["b"], values)
