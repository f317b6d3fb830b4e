"""What is raised when the input, and not the program, is at fault."""


class InputError(ValueError):
    """One line that names the file, what was found and what was expected. The command exits with 2."""
