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
