"""The verbs ``jaxdoodle data list|get|verify|audit|show|render``, one module each."""
