"""What came to paper."""

import matplotlib.figure
import pytest
from matplotlib.text import Text


@pytest.fixture
def pages(monkeypatch):
    """The matplotlib figures that are made, in order; ``drawn`` holds the texts that come to paper."""
    made, draw_text = [], Text.draw

    class Recorded(matplotlib.figure.Figure):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.drawn = []
            made.append(self)

    def draw(text, renderer):
        if text.get_visible() and text.get_text().strip():
            made[-1].drawn.append(text)
        draw_text(text, renderer)

    monkeypatch.setattr(matplotlib.figure, "Figure", Recorded)
    monkeypatch.setattr(Text, "draw", draw)
    return made
