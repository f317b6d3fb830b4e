"""What people draw on: the sources of the exported page, which ``jaxdoodle.export.to_html`` puts together."""
