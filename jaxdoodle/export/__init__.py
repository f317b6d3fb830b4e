"""A model file in the forms that other runtimes eat; each is held to the same answers as ``jaxdoodle.inference``."""
