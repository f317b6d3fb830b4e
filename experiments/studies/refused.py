"""What networks are to refuse that is of none of their classes, and how much of it they do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from experiments.studies.abstention import SHOWN, preprocess_all, scribble
from jaxdoodle.data import Splits, load_dataset
from jaxdoodle.data.catalog import load_outliers
from jaxdoodle.data.synthetic.outliers import generate_outliers
from jaxdoodle.inference.model import Model, energy
from jaxdoodle.metrics import auroc

#: Training drawings of each class that are shown, and test drawings that are to be refused.
PER_CLASS = 100
#: Letters and signs that are no digits in any of the fonts that come with Matplotlib.
LETTERS = "AEFHKMNRTWXYhkmnruvwx+=*#&@"
FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSerif",
    "STIXGeneral",
    "cmr10",
    "cmss10",
)


def what_to_refuse(
    splits: Splits, data_dir: Path | None = None
) -> tuple[dict[str, tuple[NDArray[np.uint8], int]], NDArray[np.uint8]]:
    """Bitmaps by kind with the number that preprocessing rejects; and drawings of other classes to be shown.

    Args:
      splits: Digits or doodles.
      data_dir: The data root.
    """
    rng, shape = np.random.default_rng(0), splits.train.images.shape[1:]
    every = load_dataset("quickdraw", root=data_dir, classes="all", per_class=PER_CLASS)
    names = [name for name in every.classes if name not in splits.classes]

    def of_classes(split: str, names: Sequence[str]) -> NDArray[np.uint8]:
        data = every.sets[split]
        return data.images[np.isin(data.labels, [every.classes.index(name) for name in names])]

    found = {"scribbles": [scribble(rng) for _ in range(SHOWN)], "lines": lines()}
    for kind, of in {"held_out_classes": names[1::2], "shown_classes": names[::2]}.items():
        images = of_classes("test", of)
        found[kind] = list(images[rng.permutation(len(images))[:SHOWN], ..., 0])
    kinds = {kind: preprocess_all(images, splits.preprocessing) for kind, images in found.items()}
    generated = generate_outliers(splits.preprocessing, SHOWN, np.random.default_rng(99), classes=splits.classes)
    kinds["generated"] = generated.reshape(-1, *shape[:2]), 0
    others = of_classes("train", names[::2])
    if splits.preprocessing != every.preprocessing:
        others = preprocess_all(list(others[..., 0]), splits.preprocessing)[0].reshape(-1, *shape)
        return kinds, others
    return kinds, np.concatenate([others, load_outliers("scribbles", splits)])


def lines(side: int = 100) -> list[NDArray[np.uint8]]:
    """Horizontal lines, up to a slope of 1 in 10, of several lengths, widths and heights on the page."""
    rows, columns = np.indices((side, side))
    pages = []
    for slope in (-0.1, 0.0, 0.1):
        for half in (20, 30, 40):
            for width in (2, 4, 6):
                middle = side // 2 + slope * (columns - side // 2)
                ink = (np.abs(rows - middle) < width / 2) & (np.abs(columns - side // 2) <= half)
                pages.append(np.where(ink, np.uint8(255), np.uint8(0)))
    return pages


def letters(side: int = 200) -> list[NDArray[np.uint8]]:
    """Printed letters and signs, in each font."""
    folder, pages = Path(matplotlib.get_data_path()) / "fonts" / "ttf", []
    for font in (ImageFont.truetype(folder / f"{name}.ttf", side * 0.55) for name in FONTS):
        for letter in LETTERS:
            page = Image.new("L", (side, side))
            ImageDraw.Draw(page).text((side / 2, side / 2), letter, fill=255, font=font, anchor="mm")
            pages.append(np.asarray(page))
    return pages


def measure(model: Model, splits: Splits, kinds: dict[str, tuple[NDArray[np.uint8], int]]) -> dict[str, Any]:
    """Of a network: the test drawings that it keeps, and by kind those that it refuses, with the area under the ROC."""
    own = model.logits(splits.test.images)
    kept = {"kept": int((~model.abstains(own)).sum()), "total": len(own)}
    refused, areas = {}, {}
    for kind, (bitmaps, rejected) in kinds.items():
        logits = model.logits(bitmaps)
        refused[kind] = {"refused": int(model.abstains(logits).sum()) + rejected, "total": len(bitmaps) + rejected}
        areas[kind] = round(auroc(energy(own), np.append(energy(logits), np.full(rejected, -np.inf))), 5)
    return {"own": kept, "refused": refused, "auroc": areas}
