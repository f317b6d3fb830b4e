"""Augmentation: what each quantity does to an image, and that it does no more."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from jaxdoodle.core.errors import InputError
from jaxdoodle.preprocessing.config import Preprocessing
from jaxdoodle.training.steps import augmentation
from jaxdoodle.training.steps.augmentation import Augment

DIGITS = Preprocessing()
NOTHING = Augment(rotate=0, shear=0, zoom=0, shift=0, elastic=0)
KEY = jax.random.key(0)


def blob(count=64, size=28):
    """A soft square off the middle, the same in every image."""
    image = np.zeros((size, size), np.float32)
    image[8:16, 10:22] = 1
    return jnp.asarray(np.broadcast_to(image[None, :, :, None], (count, size, size, 1)))


def change(images, key=KEY, preprocessing=DIGITS, **bounds):
    changed = jax.jit(augmentation.apply, static_argnums=(0, 1))
    return np.asarray(changed(Augment(**{**vars(NOTHING), **bounds}), preprocessing, key, images))


def test_no_bounds_change_nothing():
    np.testing.assert_allclose(change(blob()), blob(), atol=1e-5)


@pytest.mark.parametrize(
    "bounds", [{"rotate": 15}, {"shear": 15}, {"zoom": 0.2}, {"shift": 3}, {"elastic": 2}], ids=str
)
def test_each_image_changes_in_a_way_of_its_own(bounds):
    changed = change(blob(), **bounds)
    assert changed.dtype == np.float32 and changed.shape == (64, 28, 28, 1)
    assert changed.min() >= 0 and changed.max() <= 1 + 1e-5
    assert len({image.tobytes() for image in changed}) == 64
    assert abs(changed.sum() / blob().sum() - 1) < 0.1, "ink neither comes nor goes"


def test_half_of_the_images_are_mirrored_and_the_others_are_not():
    changed = change(blob(400), mirror=True)[..., 0]
    plain, mirrored = np.asarray(blob(1))[0, ..., 0], np.asarray(blob(1))[0, :, ::-1, 0]
    kinds = [(abs(image - plain).max() < 1e-4, abs(image - mirrored).max() < 1e-4) for image in changed]
    assert all(one != other for one, other in kinds)
    assert 140 < sum(one for one, _ in kinds) < 260


def test_the_same_key_gives_the_same_images_and_another_one_others():
    np.testing.assert_array_equal(change(blob(), shift=3), change(blob(), shift=3))
    assert not np.array_equal(change(blob(), shift=3), change(blob(), jax.random.key(1), shift=3))


def test_a_shift_moves_the_centre_of_mass_by_at_most_its_bound():
    changed = change(blob(500), shift=3)[..., 0]
    rows = (changed.sum(axis=2) * np.arange(28)).sum(axis=1) / changed.sum(axis=(1, 2))
    moved = rows - 11.5
    assert abs(moved).max() <= 3.01 and abs(moved).max() > 2.8 and abs(moved.mean()) < 0.3


def test_what_leaves_the_picture_is_gone_and_what_comes_in_is_blank():
    full = jnp.ones((200, 28, 28, 1), jnp.float32)
    changed = change(full, shift=5)
    assert (abs(changed[:, 14, 14] - 1) < 1e-5).all() and (changed[:, 0, 14] < 0.5).any()


def test_sampling_is_bilinear():
    """Against scipy, at random places inside and outside of the image."""
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(3, 9, 7, 1)).astype(np.float32)
    places = rng.uniform(-3, 11, size=(3, 2, 9, 7)).astype(np.float32)
    found = augmentation._sample(jnp.asarray(images), jnp.asarray(places))
    for image, place, result in zip(images, places, np.asarray(found), strict=True):
        expected = map_coordinates(image[..., 0], place, order=1, mode="grid-constant")
        inside = ((place > -1) & (place < np.array([9, 7])[:, None, None])).all(axis=0)
        np.testing.assert_allclose(result[inside, 0], expected[inside], atol=1e-5)
        assert np.abs(result[~inside]).max(initial=0) < 2e-3


def test_the_blend_of_grid_points_is_a_weighted_mean():
    weights = np.array(augmentation._blend(28, 5))
    assert weights.shape == (28, 5) and (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1)


def bars(count=400, size=41, horizontal=True):
    """A bar of 3 x 25 pixels through the middle."""
    image = np.zeros((size, size), np.float32)
    image[size // 2 - 1 : size // 2 + 2, 8:33] = 1
    image = image if horizontal else image.T
    return jnp.asarray(np.broadcast_to(image[None, :, :, None], (count, size, size, 1)))


def moments(images):
    """Variances of rows and columns and their covariance, weighted by ink, each ``(count,)``."""
    ink = images[..., 0] / images[..., 0].sum(axis=(1, 2), keepdims=True)
    rows, columns = np.meshgrid(*[np.arange(images.shape[1]) - images.shape[1] // 2] * 2, indexing="ij")
    return [(ink * part).sum(axis=(1, 2)) for part in (rows * rows, columns * columns, rows * columns)]


def test_a_rotation_reaches_its_bound_in_degrees_and_does_not_pass_it():
    rows, columns, both = moments(change(bars(), rotate=20))
    angles = np.degrees(np.arctan2(2 * both, columns - rows)) / 2  # of the principal axis
    assert 19 < abs(angles).max() < 20.5 and abs(angles.mean()) < 2


def test_a_shear_reaches_its_bound_in_degrees_and_does_not_pass_it():
    slants = []
    for horizontal in (True, False):
        rows, columns, both = moments(change(bars(horizontal=horizontal), shear=20))
        slants.append(np.degrees(np.arctan(both / np.maximum(rows, columns))))
    largest = sorted(abs(slant).max() for slant in slants)
    assert largest[0] < 3 and 18 < largest[1] < 20.5, "one axis stays, the other slants"


def test_zoom_changes_height_and_width_up_to_its_bound():
    wide = np.sqrt(moments(change(bars(), zoom=0.2))[1])
    tall = np.sqrt(moments(change(bars(horizontal=False), zoom=0.2))[0])
    still = np.sqrt(moments(np.asarray(bars(1)))[1])
    for size in (wide, tall):
        assert 0.8 < (size / still).min() < 0.86 and 1.18 < (size / still).max() < 1.28


@pytest.mark.parametrize("grid", [7, 14])
def test_between_two_points_of_the_grid_the_displacement_only_grows_or_shrinks(grid):
    moved = augmentation._displacement(Augment(elastic=1.0, grid=grid), KEY, (4, 28, 28), jnp.float32)
    steps = np.diff(np.asarray(moved), axis=3)[..., : 28 // grid * grid - 1]
    turns = (steps[..., 1:] * steps[..., :-1] < -1e-9).sum(axis=3)
    assert 0 < turns.max() <= 28 // grid - 1


@pytest.mark.parametrize("elastic", [1.0, 3.0])
def test_the_displacement_is_bounded_by_elastic_and_goes_every_way(elastic):
    augment = Augment(**{**vars(NOTHING), "elastic": elastic})
    moved = np.asarray(augmentation._displacement(augment, KEY, (200, 28, 28), jnp.float32))
    assert moved.shape == (200, 2, 28, 28)
    assert 0.95 * elastic < abs(moved).max() <= elastic and abs(moved.mean(axis=(0, 2, 3))).max() < 0.05 * elastic


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rotate", -1),
        ("shear", "8"),
        ("shift", float("nan")),
        ("elastic", None),
        ("zoom", 1.0),
        ("dilate", 11),
        ("grid", 0),
    ],
)
def test_a_bound_that_no_change_has_is_refused_by_name(name, value):
    with pytest.raises(InputError, match=f"{name} of Augment is .*; got {value}" if value != "8" else "got '8'"):
        Augment(**{name: value})


def widths(images):
    """Of bars that lie, how many rows their middle columns are wide, ``(count,)``."""
    return images[:, :, images.shape[2] // 2, 0].sum(axis=1)


@pytest.mark.parametrize("dilate", [1.0, 2.5])
def test_strokes_grow_on_either_side_up_to_the_bound_in_half_of_the_images_and_the_drawing_keeps_its_size(dilate):
    preprocessing = Preprocessing((41, 41, 1), longest_side=25.0)
    changed = change(bars(), dilate=dilate, preprocessing=preprocessing)
    grown = widths(changed)
    assert 160 < (abs(grown - 3) < 1e-4).sum() < 240 and grown.min() > 3 - 1e-4
    assert 0.9 < (grown.max() / ((3 + 2 * dilate) * 25 / (25 + 2 * dilate))) < 1.03
    long = changed[:, 20, :, 0].sum(axis=1)
    assert abs(long - 25).max() < 0.6


def test_a_wide_dot_is_about_as_round_as_of_a_round_pen():
    dot = np.zeros((1, 21, 21, 1), np.float32)
    dot[0, 10, 10, 0] = 1
    wide = np.asarray(augmentation._dilate(jnp.asarray(dot), jnp.full(1, 4, jnp.float32), 4))[0, ..., 0]
    rows, columns = np.nonzero(wide)
    distance = np.hypot(rows - 10, columns - 10)
    assert wide[10, 6] == wide[6, 10] == 1 and wide[10, 5] == 0
    assert distance.max() < 4.5 and abs(wide.sum() / (np.pi * 4.5**2) - 1) < 0.15


def test_dark_ink_is_changed_as_light_ink_is_and_what_comes_in_is_white():
    dark = Preprocessing(polarity="dark on light")
    bounds = {"shift": 5, "rotate": 20, "dilate": 1.5}
    light, turned = change(blob(), **bounds), change(1 - blob(), preprocessing=dark, **bounds)
    np.testing.assert_allclose(turned, 1 - light, atol=1e-6)
    raw = Preprocessing(polarity="dark on light", divisor=1.0)
    np.testing.assert_allclose(change(255 - 255 * blob(), preprocessing=raw, **bounds), 255 * (1 - light), atol=1e-3)
