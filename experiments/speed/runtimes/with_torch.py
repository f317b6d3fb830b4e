"""PyTorch: eager, compiled, as CUDA graphs, and with autocast."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from experiments.speed.runtimes.trainer import SEED, Trainer
from experiments.speed.workloads import Workload
from jaxdoodle import nn as layers


def torch(
    workload: Workload,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    compiled: bool = False,
    captured: bool = False,
    rounded: bool = False,
) -> Trainer:
    """Tensors in memory, fused Adam, channels last: faster here than a DataLoader with the defaults.

    Args:
      workload: What to train.
      images: uint8.
      labels: int32.
      compiled: By ``torch.compile``.
      captured: As CUDA graphs.
      rounded: By autocast: products and convolutions in bfloat16, weights and losses in float32.
    """
    import torch as t

    device = "cuda" if t.cuda.is_available() else "cpu"
    if device == "cuda":
        t.set_float32_matmul_precision("high")  # TensorFloat-32
    t.manual_seed(SEED)
    net = torch_net(t, workload.spec).to(device)

    def loss_of(images, labels):
        with t.autocast(device, t.bfloat16, enabled=rounded):
            logits = net(images)
        return t.nn.functional.cross_entropy(logits.float(), labels)

    if compiled:
        loss_of = t.compile(loss_of)
    kinds: dict[str, Callable] = {"adam": partial(t.optim.Adam, capturable=captured), "sgd": t.optim.SGD}
    optimizer = kinds[workload.optimizer](net.parameters(), lr=workload.learning_rate, fused=True)
    x, y = torch_images(t, images).to(device), t.from_numpy(labels).long().to(device)
    size = workload.batch_size
    counts = {size, len(x) % size} - {0}
    for count in counts:
        loss_of(x[:count], y[:count]).backward()

    def train(batch):
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(x[batch], y[batch])
        loss.backward()
        optimizer.step()
        return loss.detach()

    run = torch_graphs(t, train, net, optimizer, counts) if captured else train

    def epoch():
        net.train()
        return float(t.stack([run(batch) for batch in t.randperm(len(x), device=device).split(size)]).mean())

    def predict(images):
        net.eval()
        with t.no_grad():
            parts = torch_images(t, images).to(device).split(1000)
            return np.concatenate([net(part).argmax(1).cpu().numpy() for part in parts])

    return Trainer(epoch, predict, device)


def torch_compiled(workload: Workload, images: np.ndarray, labels: np.ndarray) -> Trainer:
    return torch(workload, images, labels, compiled=True)


def torch_captured(workload: Workload, images: np.ndarray, labels: np.ndarray) -> Trainer:
    return torch(workload, images, labels, captured=True)


def torch_autocast(workload: Workload, images: np.ndarray, labels: np.ndarray) -> Trainer:
    return torch(workload, images, labels, rounded=True)


def torch_graphs(t, train, net, optimizer, counts):
    """``train(batch)`` as CUDA graphs, one for each number of images: all kernels of a step in a single launch.

    What is set up at first use cannot be captured, so there are some steps before; their traces are then wiped out.
    """
    begin = [param.detach().clone() for param in net.parameters()]
    graphs = {}
    for count in counts:
        batch, aside = t.arange(count, device="cuda"), t.cuda.Stream()
        aside.wait_stream(t.cuda.current_stream())
        with t.cuda.stream(aside):
            for _ in range(3):
                train(batch)
        t.cuda.current_stream().wait_stream(aside)
        graph = t.cuda.CUDAGraph()
        with t.cuda.graph(graph):
            loss = train(batch)
        graphs[count] = batch, graph, loss
    with t.no_grad():
        for param, start in zip(net.parameters(), begin, strict=True):
            param.copy_(start)
        for state in optimizer.state.values():
            for value in state.values():
                value.zero_()

    def replay(order):
        batch, graph, loss = graphs[len(order)]
        batch.copy_(order)
        graph.replay()
        return loss.clone()

    return replay


def torch_images(t, images):
    return (t.from_numpy(images).permute(0, 3, 1, 2).float() / 255).contiguous(memory_format=t.channels_last)


def torch_net(t, spec: layers.ModelSpec):
    made = []
    for layer, shape in zip(spec.layers, spec.shapes[:-1], strict=True):
        match layer:
            case layers.Dense():
                made.append(t.nn.Linear(shape[0], layer.units))
            case layers.Conv2D():
                made.append(t.nn.Conv2d(shape[2], layer.filters, layer.kernel_size, padding=layer.padding.lower()))
            case layers.MaxPool2D():
                made.append(t.nn.MaxPool2d(layer.window))
            case layers.Dropout():
                made.append(t.nn.Dropout(layer.drop_rate))
            case layers.Flatten():
                made.append(t.nn.Flatten())
            case layers.ReLU():
                made.append(t.nn.ReLU())
        if hasattr(made[-1], "weight"):
            t.nn.init.xavier_uniform_(made[-1].weight)
            t.nn.init.zeros_(made[-1].bias)
    return t.nn.Sequential(*made).to(memory_format=t.channels_last)
