"""What in a file that somebody wrote can be checked, and what does the gradient checker say of it?

``jaxdoodle check FILE FOLDER NOTEBOOK`` is its command. Importing it needs the standard library alone.
"""

from jaxdoodle.core.exports import exports

__getattr__, __dir__, __all__ = exports(__name__, sandbox="Bounds run", worker="check_file")
