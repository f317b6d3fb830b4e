"""PyTorch's files, made by PyTorch: every way of saving weights gives the same numbers."""

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.formats.weights import import_weights
from jaxdoodle.formats.weights.readers import read_weights
from jaxdoodle.inference import Model
from jaxdoodle.nn import AvgPool2D, BatchNorm, Conv2D, Dense, Flatten, MaxPool2D, ModelSpec, ReLU

torch = pytest.importorskip("torch", reason="needs PyTorch")


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 9), torch.nn.ReLU(), torch.nn.Linear(9, 10))


def checkpoint(net):
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.zeros(2, 28, 28)).sum().backward()
    optimizer.step()
    return {
        "epoch": 3,
        "model_state_dict": net.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "loss": [2.0],
    }


#: Way of saving -> what is saved and how.
WAYS = {
    "a zip archive": lambda net, path: torch.save(net.state_dict(), path),
    "before 1.6": lambda net, path: torch.save(net.state_dict(), path, _use_new_zipfile_serialization=False),
    "a checkpoint": lambda net, path: torch.save(checkpoint(net), path),
    "data parallel": lambda net, path: torch.save({f"module.{k}": v for k, v in net.state_dict().items()}, path),
    "parameters": lambda net, path: torch.save(dict(net.named_parameters()), path),
    "double": lambda net, path: torch.save(net.double().state_dict(), path),
    "transposed views": lambda net, path: torch.save(
        {k: v.t().contiguous().t() for k, v in net.state_dict().items()}, path
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_weights_come_in_whatever_way_they_were_saved(way, tmp_path):
    net = network()
    WAYS[way](net, tmp_path / "net.pth")
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1), np.uint8)
    with torch.no_grad():
        expected = net.float()(torch.tensor(images).float() / 255).numpy()
    found = Model.from_file(import_weights(tmp_path / "net.pth", activation="relu"))
    np.testing.assert_allclose(found.logits(images), expected, rtol=0, atol=2e-4)


@pytest.mark.parametrize("pool", [MaxPool2D, AvgPool2D])
def test_convolutions_and_batch_normalization_come_in_with_a_spec(pool, tmp_path):
    torch.manual_seed(0)
    kind = torch.nn.MaxPool2d if pool is MaxPool2D else torch.nn.AvgPool2d
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 5, padding=2), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), kind(2), torch.nn.Flatten(),
        torch.nn.Linear(784, 10),
    )  # fmt: skip
    net(torch.randn(8, 1, 28, 28))
    net.eval()
    torch.save(net.state_dict(), tmp_path / "net.pt")
    spec = ModelSpec((Conv2D(4, 5, padding="SAME"), BatchNorm(), ReLU(), pool(), Flatten(), Dense(10)), (28, 28, 1))
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1), np.uint8)
    with torch.no_grad():
        expected = net(torch.tensor(images).permute(0, 3, 1, 2).float() / 255).numpy()
    found = Model.from_file(import_weights(tmp_path / "net.pt", spec=spec))
    np.testing.assert_allclose(found.logits(images), expected, rtol=0, atol=1e-4)


def test_a_pickled_model_is_refused_with_the_way_to_save_it(tmp_path):
    torch.save(network(), tmp_path / "net.pt")
    with pytest.raises(InputError, match=r"asks for torch\.nn.*save model\.state_dict\(\) instead"):
        read_weights(tmp_path / "net.pt")
