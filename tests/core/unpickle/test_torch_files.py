import io
import zipfile

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.unpickle import torch_files

torch = pytest.importorskip("torch", reason="needs PyTorch")
VALUE = {"images": torch.arange(24).reshape(2, 3, 4).transpose(1, 2), "labels": [torch.tensor([1, 0]), 3]}


def read(value, new, take=lambda count: None):
    torch.save(value, file := io.BytesIO(), _use_new_zipfile_serialization=new)
    if not new:
        return torch_files.read_legacy(file.getvalue(), take)
    archive = zipfile.ZipFile(file)
    assert torch_files.is_torch(archive.namelist())
    return torch_files.read_archive(archive.namelist(), archive.read, take)


@pytest.mark.parametrize("new", [True, False])
def test_tensors_in_lists_and_dicts_are_read_without_pytorch(new):
    found = read(VALUE, new)
    np.testing.assert_array_equal(found["images"], VALUE["images"].numpy())
    np.testing.assert_array_equal(found["labels"][0], [1, 0])
    assert found["labels"][1] == 3


@pytest.mark.parametrize("new", [True, False])
def test_each_tensor_is_counted_before_it_is_made(new):
    def take(count):
        if count > 20:
            raise InputError("too many")

    with pytest.raises(InputError, match="too many"):
        read(VALUE, new, take)


def test_what_is_no_tensor_is_named(refusal):
    assert "asks for torch.nn.modules.linear.Linear" in refusal(read, torch.nn.Linear(2, 2), True)


#: Pickles of PyTorch's archives that are broken: a tensor of too few parts, and a type in place of a storage.
BROKEN = [
    b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nK\x01\x85R.",
    b"\x80\x02(X\x07\x00\x00\x00storagecnumpy\ndtype\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ.",
    b"\x80\x02X\x01\x00\x00\x00aQ.",
    b"",
]


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_pickle_in_an_archive_is_refused_in_one_line(content, refusal):
    assert "\n" not in refusal(torch_files.read_archive, ["a/data.pkl"], lambda name: content, lambda count: None)
    assert "\n" not in refusal(torch_files.read_legacy, torch_files.LEGACY_START + content, lambda count: None)
