"""What people draw on: the sources of the exported page, which ``jaxdoodle.formats.html`` puts together."""
