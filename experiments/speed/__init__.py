"""jaxdoodle beside other libraries on equal work, each in a process of its own: ``python -m experiments.speed``."""
