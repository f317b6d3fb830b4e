"""Trains a small network with checkpoints and writes what comes out: a test kills this program and starts it again."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from jaxdoodle.data.bitmaps import BitmapFile, all_drawings
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.nn import Dense, Dropout, Flatten, ModelSpec, ReLU
from jaxdoodle.training import Augment, Checkpoints, TrainConfig, batches, fit
from tests.fixtures.bars import CLASSES, TRAIN, VALIDATION


def on_disk(data, folder):
    np.save(folder / "bars.npy", data.images.reshape(-1, 784))
    bitmaps = all_drawings([BitmapFile(folder / "bars.npy", 128, len(data))])
    return replace(data, images=bitmaps)


def main(folder: Path, where: str) -> None:
    train: Dataset = TRAIN
    batches.CHUNK = batches.CHUNK_IN_MEMORY = 100 * 784
    batches.RUN = 4
    if where == "disk":
        folder.mkdir(exist_ok=True)
        train = on_disk(TRAIN, folder)
    spec = ModelSpec((Flatten(), Dense(16), ReLU(), Dropout(0.3), Dense(3)), (28, 28, 1), CLASSES)
    config = TrainConfig(epochs=50, batch_size=32, augment=Augment(), ema_decay=0.99, seed=3)
    print("trains", flush=True)
    checkpoints = Checkpoints(folder / "checkpoints", interval=0.05)
    result = fit(spec, train, VALIDATION, config, checkpoints=checkpoints)
    arrays = {f"{number}{name}": value for number, p in enumerate(result.params) for name, value in p.items()}
    np.savez(folder / "params.npz", **arrays)
    history = [(epoch.number, epoch.training, epoch.validation) for epoch in result.history]
    (folder / "metrics.json").write_text(json.dumps([result.best_epoch, history, result.step_losses]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
