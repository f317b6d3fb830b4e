"""The window of ``jaxdoodle draw --window``: ``pad`` holds the drawing and the texts, ``desktop`` the Tk widgets."""

__all__: list[str] = []
