import numpy as np
import pytest

from jaxdoodle.preprocessing.several.groups import Part, _joined, _reach, distance, from_strokes, grouped, united


def part(top, left, bottom, right):
    """A rectangle's outline."""
    down, along = np.linspace(top, bottom, 50), np.linspace(left, right, 50)
    sides = [(down, np.full(50, x)) for x in (left, right)] + [(np.full(50, y), along) for y in (top, bottom)]
    return Part((top, left, bottom, right), np.concatenate([np.stack(side, axis=1) for side in sides]))


DIGIT = part(0, 0, 60, 40)


@pytest.mark.parametrize(
    ("other", "one"),
    [
        (part(-12, 10, -8, 45), True),  # the bar of a 5, over it and to the right
        (part(10, 44, 18, 50), True),  # a piece of a broken stroke
        (part(20, 10, 40, 30), True),  # within it
        (part(64, 0, 120, 40), True),  # the other half of it, a narrow gap below
        (part(0, 46, 60, 80), False),  # the next digit, close by
        (part(25, 46, 60, 66), False),  # a small one beside it
        (part(75, 0, 135, 40), False),  # the one below
        (part(-12, 80, -8, 115), False),  # a bar elsewhere
    ],
)
def test_fragments_belong_to_the_digit_and_whole_digits_do_not(other, one):
    """A third far away tells how large digits are."""
    groups = grouped([DIGIT, other, part(0, 400, 60, 440)])
    assert ([0, 1] in groups) == one and [2] in groups


def test_a_frame_around_several_digits_and_dust_are_left_out():
    frame, dust = part(-40, -40, 100, 300), part(80, 280, 84, 284)
    digits = [part(0, x, 60, x + 40) for x in (0, 80, 160)]
    assert grouped([frame, *digits, dust]) == [[1], [2], [3]]
    assert grouped([frame, *digits, dust], loose=True) == [[1], [2], [3]]


def test_a_face_keeps_its_outline():
    eyes = [part(30, x, 40, x + 10) for x in (30, 70)]
    assert grouped([part(0, 0, 110, 110), *eyes, part(80, 30, 85, 80)], loose=True) == [[0, 1, 2, 3]]


def test_strokes_that_cross_are_one_drawing_and_those_that_meet_at_the_side_are_not():
    four = [([30, 5, 50], [0, 60, 60]), ([40, 40], [30, 100])]
    touching = ([50, 90, 90, 50, 50], [20, 20, 100, 100, 20])  # a 0 that begins where the 4 ends
    assert grouped(from_strokes([*four, touching])) == [[0, 1], [2]]


def test_a_stroke_that_is_added_later_belongs_to_the_nearest_drawing():
    def one(x):
        return [x, x + 40, x + 40], [0, 20, 100]

    bar = [100, 140], [-10, -10]
    assert grouped(from_strokes([one(0), one(100), one(200), bar])) == [[0], [1, 3], [2]]


def test_a_piece_farther_away_belongs_to_a_stroke_only_if_it_was_drawn_next():
    """Eleven units apart of a hundred: within the reach of a piece of a fifth of the size, beyond 0.6 of it."""
    line, piece, other = ([0, 0], [0, 100]), ([17, 37], [50, 50]), ([300, 300], [0, 100])
    assert grouped(from_strokes([line, piece, other])) == [[0, 1], [2]]
    assert [0, 2] not in grouped(from_strokes([line, other, piece]))


def merged(parts):
    """The same, by comparing all pairs anew before each two are joined."""
    groups = [[index] for index in range(len(parts))]
    while True:
        whole = [united([parts[i] for i in group]) for group in groups]
        pairs = [(j, i) for i in range(len(groups)) for j in range(i)]
        reach = {pair: _reach(whole[pair[1]], whole[pair[0]], False) for pair in pairs}
        costs = {(j, i): distance(whole[j], whole[i]) / reach[j, i] for j, i in pairs if reach[j, i]}
        if not costs or min(costs.values()) >= 1:
            return groups
        j, i = min(costs, key=costs.__getitem__)
        groups[j] = sorted(groups[j] + groups.pop(i))


@pytest.mark.parametrize("seed", range(6))
def test_many_parts_are_joined_as_if_all_were_compared_anew(seed):
    rng = np.random.default_rng(seed)
    corners, sizes = rng.uniform(0, 400, (20, 2)), rng.uniform(3, 40, (20, 2))
    parts = [part(*corner, *(corner + size)) for corner, size in zip(corners, sizes, strict=True)]
    found = _joined([[index] for index in range(20)], parts, False)
    assert found == merged(parts) and 1 < len(found) < 20
