"""The models that come with the package, and how each was made."""
