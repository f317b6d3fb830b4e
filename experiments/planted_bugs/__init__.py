"""The gradient checker on planted mistakes and on code that is right: what it catches, names and leaves alone."""
