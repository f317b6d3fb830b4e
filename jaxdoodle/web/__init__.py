"""What runs in a browser: JavaScript modules and the pages made of them; README.md here. There is no Python here."""

__all__: list[str] = []
