"""The page that learns, measured in a browser: what the committed record says, and the animation."""

import numpy as np
from PIL import Image

from experiments import table
from experiments.studies import teach_page
from jaxdoodle.core.record import Record


def test_colors_become_the_nearest_of_the_palette():
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8))
    palette = image.quantize(teach_page.COLORS)
    indexed = teach_page._indexed(image, palette)
    known = np.array(palette.getpalette()[: 3 * teach_page.COLORS], int).reshape(-1, 3)
    distance = ((np.asarray(image, int)[:, :, None] - known) ** 2).sum(axis=-1)
    shown = ((np.asarray(image, int) - np.asarray(indexed.convert("RGB"), int)) ** 2).sum(axis=-1)
    np.testing.assert_array_equal(shown, distance.min(axis=-1))


def test_in_the_committed_record_a_throttled_page_guesses_every_class():
    found = Record.read(table.RECORDS / "teach_page" / "record.json").extra
    assert found["throttled"] == 4 and found["right"] == len(teach_page.CLASSES) and found["drawings"] == 9
    assert found["seconds_to_first_right_guess"] > 0 and 0 < found["on_time"] <= 1


def test_the_animation_on_top_of_the_readme_is_small():
    path = table.RECORDS.parents[1] / ".github" / "teach.gif"
    assert path.stat().st_size < 1_000_000
    with Image.open(path) as image:
        assert image.is_animated and image.width == teach_page.WIDTH
