"""The strokes in an SVG, and what is refused."""

import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.strokes.drawing import MAX_POINTS
from jaxdoodle.strokes.svg import CHORDS, strokes_of

XML = b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://nowhere.invalid/svg11.dtd">'


def svg(inside):
    return XML + f'<svg xmlns="http://www.w3.org/2000/svg">\n{inside}</svg>'.encode()


def points(inside):
    return [[(round(x, 6), round(y, 6)) for x, y in zip(*stroke, strict=True)] for stroke in strokes_of(svg(inside))]


def path(d):
    return points(f'<path d="{d}"/>')


SHAPES = {
    '<polyline points="0,0 10,5 3-4"/>': [[(0, 0), (10, 5), (3, -4)]],
    '<polyline points=" 1 , 2\n.5.5 "/>': [[(1, 2), (0.5, 0.5)]],
    '<polyline points="4 5"/>': [[(4, 5)]],
    '<polygon points="0 0 9 0 9 9"/>': [[(0, 0), (9, 0), (9, 9), (0, 0)]],
    '<line x2="3" y2="-4e0"/>': [[(0, 0), (3, -4)]],
    '<rect width="5" height="5"/><title>x</title><line x2="3"/>': [[(0, 0), (3, 0)]],
    '<defs><line x2="3"/></defs><g display="none"><line x2="4"/></g><line x2="5"/>': [[(0, 0), (5, 0)]],
    '<g style="stroke:red; display: none"><line x2="4"/></g><line x2="5"/>': [[(0, 0), (5, 0)]],
    '<line x2="4" visibility="hidden"/><line x2="5" opacity="0.0"/><line x2="6" opacity="0.5"/>': [[(0, 0), (6, 0)]],
    '<s:g xmlns:s="http://www.w3.org/2000/svg"><s:line x2="3"/></s:g>': [[(0, 0), (3, 0)]],
    '<path d=""/><polyline points=""/><line x2="3"/>': [[(0, 0), (3, 0)]],
}
PATHS = {
    "M1 2L3 4": [[(1, 2), (3, 4)]],
    "m1,2l2,2": [[(1, 2), (3, 4)]],
    "M1 2 3 4 5 6": [[(1, 2), (3, 4), (5, 6)]],
    "m1 2 3 4 5 6": [[(1, 2), (4, 6), (9, 12)]],
    "M1 2H5V6h-1v-1": [[(1, 2), (5, 2), (5, 6), (4, 6), (4, 5)]],
    "M1 2H5 6V7 8": [[(1, 2), (5, 2), (6, 2), (6, 7), (6, 8)]],
    "M0 0L9 0L9 9Z": [[(0, 0), (9, 0), (9, 9), (0, 0)]],
    "M1 1h8zl5 5": [[(1, 1), (9, 1), (1, 1)], [(1, 1), (6, 6)]],
    "M1 1h8zm1 1h1": [[(1, 1), (9, 1), (1, 1)], [(2, 2), (3, 2)]],
    "M0 0L1 1M5 5M6 6L7 7": [[(0, 0), (1, 1)], [(6, 6), (7, 7)]],
    "M-1-2l.5.5.5-1e1": [[(-1, -2), (-0.5, -1.5), (0, -11.5)]],
}
TRANSFORMS = {
    "translate(10 20)": (11, 22),
    "translate(10)": (11, 2),
    "scale(3)": (3, 6),
    "scale(3,-1)": (3, -2),
    "rotate(90)": (-2, 1),
    "rotate(90 1 0)": (-1, 0),
    "skewX(45)": (3, 2),
    "skewY(45)": (1, 3),
    "matrix(1 2 3 4 5 6)": (12, 16),
    "translate(10 20) scale(2)": (12, 24),
    "scale(2), translate(10 20)": (22, 44),
}


@pytest.mark.parametrize("inside", SHAPES)
def test_shapes_are_strokes(inside):
    assert points(inside) == SHAPES[inside]


@pytest.mark.parametrize("sides", ['viewBox="0 0 280 90"', 'width="280px" height="90"'])
def test_a_filled_rectangle_as_large_as_the_picture_behind_all_else_is_its_background(sides):
    rect = '<rect x="1" y="1" width="278" height="88" fill="#fff" stroke="#ccc"/>'
    line = '<line x2="3"/>'
    assert strokes_of(f"<svg {sides}>{rect}{line}</svg>".encode()) == [([0, 3], [0, 0])]
    assert len(strokes_of(f"<svg {sides}>{line}{rect}</svg>".encode())) == 2
    assert len(strokes_of(f"<svg {sides}>{rect.replace('278', '200')}{line}</svg>".encode())) == 2


@pytest.mark.parametrize("text", [
    '<svg width="50mm" height="50mm">{}</svg>',
    '<svg width="1" height="1"><svg viewBox="0 0 300 300">{}</svg></svg>',
    '<svg viewBox="70 0 60 60">{}</svg>',
    '<svg viewBox="0 0 60 60"><g transform="scale(.5)">{}</g></svg>',
])  # fmt: skip
def test_a_rectangle_that_does_not_cover_the_picture_is_a_stroke(text):
    rect = '<rect width="60" height="60" fill="#fff" stroke="#000"/>'
    assert len(strokes_of(text.format(rect).encode())) == 1


@pytest.mark.parametrize("opacity", ["0", ".0", "0.00"])
def test_what_is_transparent_is_no_stroke(opacity):
    assert len(points(f'<line x2="3" opacity="{opacity}"/><line x2="4" opacity=".05"/>')) == 1


@pytest.mark.parametrize("d", PATHS)
def test_a_path_is_followed(d):
    assert path(d) == PATHS[d]


@pytest.mark.parametrize("text", TRANSFORMS)
def test_a_transform_moves_what_is_in_it(text):
    assert points(f'<line x2="1" y2="2" transform="{text}"/>')[0][1] == TRANSFORMS[text]


def test_transforms_in_each_other_are_applied_from_the_inside():
    inside = '<g transform="translate(10)"><g transform="scale(2)"><line x2="3"/></g><line x2="3"/></g>'
    assert points(inside) == [[(10, 0), (16, 0)], [(10, 0), (13, 0)]]


def test_curves_pass_where_their_formulas_say():
    half = CHORDS // 2
    assert path("M0 0Q5 8 10 0")[0][half] == (5, 4)
    assert path("M0 0C0 8 8 8 8 0")[0][half] == (4, 6)
    assert path("M1 1c0 8 8 8 8 0")[0][half] == (5, 7)
    smooth, spelled = path("M0 0C0 8 8 8 8 0S16-8 16 0"), path("M0 0C0 8 8 8 8 0C8-8 16-8 16 0")
    assert smooth == spelled and len(smooth[0]) == 2 * CHORDS + 1
    assert path("M0 0Q5 8 10 0t10 0") == path("M0 0Q5 8 10 0Q15-8 20 0")
    assert path("M0 0L1 1S2 2 5 5") == path("M0 0L1 1C1 1 2 2 5 5")


BOMB = b'<!DOCTYPE svg [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><svg><path d="&b;"/></svg>'
BAD = {
    "entities": (BOMB, "line 1 declares an entity"),
    "parameter entities": (b'<!DOCTYPE svg [<!ENTITY % a "aa"> %a;]><svg/>', "declares an entity"),
    "entities from elsewhere": (b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>', "entity"),
    "an entity that nobody declared": (b"<svg>&a;</svg>", "expected an SVG"),
    "nothing": (b" ", "expected an SVG"),
    "no SVG": (b"<html/>", "line 1, <html>: expected an <svg> on the outside"),
    "cut off": (svg('<line x2="3"/>')[:-9], "expected an SVG"),
    "an unknown encoding": (b'<?xml version="1.0" encoding="klingon"?><svg/>', "expected an SVG"),
    "no text": (bytes(range(256)), "expected an SVG"),
    "no strokes": (svg("<g/>"), "holds no stroke"),
    "nested deep": (svg("<g>" * 5_000 + "</g>" * 5_000), "more than 100 deep"),
    "a shape defined elsewhere": (svg('<use href="#a"/>'), "line 2, <use>: is not read"),
    "a short arc": (svg('<path d="M0 0a1 1 0 0 1 3"/>'), "7 or a multiple"),
    "a path that begins nowhere": (svg('<path d="L1 1"/>'), "a path begins with M; got L"),
    "no path": (svg('<path d="one M0 0"/>'), "expected a path"),
    "an unknown command": (svg('<path d="M0 0X1 1"/>'), "expected numbers; got 'X'"),
    "a number too few": (svg('<path d="M0 0L1"/>'), "2 or a multiple; got '1'"),
    "no numbers": (svg('<path d="M0 0L"/>'), "L in a path takes 2 numbers; got none"),
    "a number too many": (svg('<path d="M0 0L1 1Z5"/>'), "got '5'"),
    "odd points": (svg('<polyline points="1 2 3"/>'), "2 or a multiple"),
    "no number": (svg('<line x2="NaN"/>'), "expected numbers; got 'NaN'"),
    "an empty number": (svg('<line x2=""/>'), "one number each"),
    "a huge number": (svg('<line x2="1e99"/>'), "below a million"),
    "a huge scale": (svg('<g transform="scale(9e5)"><line x2="9e5"/></g>'), "stroke 0 is"),
    "an unknown transform": (svg('<g transform="warp(3)"/>'), "got 'warp' of 1 numbers"),
    "a short matrix": (svg('<g transform="matrix(3)"/>'), "got 'matrix' of 1 numbers"),
    "no transform": (svg('<g transform="scale"/>'), "expected transforms"),
    "a long transform": (svg(f'<g transform="{"a" * 10_000}"/>'), "at most 1,000 characters"),
    "too many points in a path": (svg(f'<path d="M0 0T{"1 1 " * (MAX_POINTS // CHORDS + 1)}"/>'), "at most 100,000"),
    "too many points in all": (svg(f'<polyline points="{"1 1 " * 60_000}"/>' * 2), "at most 100,000 points"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_is_refused_in_one_line(name):
    text, fault = BAD[name]
    with pytest.raises(InputError) as raised:
        strokes_of(text)
    assert fault in str(raised.value)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 300
