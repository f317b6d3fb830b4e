import numpy as np

from jaxdoodle.data.near_duplicates import compute_descriptors, find_near_duplicates


def test_a_descriptor_depends_neither_on_position_nor_on_brightness(sound):
    images = sound.train.images[:200]
    same = compute_descriptors(images)
    np.testing.assert_allclose(compute_descriptors(np.roll(images, (1, 1), (1, 2))), same, atol=1e-5)
    faint = (images * 0.5).round().astype(np.uint8)
    assert np.linalg.norm(compute_descriptors(faint) - same, axis=1).max() < 0.1
    blank = compute_descriptors(np.zeros_like(images))
    assert not blank.any() and not len(find_near_duplicates(blank))


def test_few_near_duplicates_are_missed():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2000, 112)).astype(np.float32) * 0.15
    step = rng.normal(size=rows.shape).astype(np.float32)
    step *= 0.06 / np.linalg.norm(step, axis=1, keepdims=True)
    pairs = find_near_duplicates(np.concatenate([rows, rows + step]))
    assert len(pairs) >= 0.97 * 2000 and np.all(pairs[:, 1] - pairs[:, 0] == 2000)
