"""What runs in a browser: the sources of the page that ``jaxdoodle.formats.html`` writes. There is no Python here.

``page.html``, ``page.css``  the page
``page.js``                  pointers, keys and the screen
``strokes.js``               strokes to bitmap, as ``jaxdoodle.strokes`` and ``jaxdoodle.preprocessing`` compute it
``network.js``               bitmap to logits, as ``jaxdoodle.inference`` computes them
"""

__all__: list[str] = []
