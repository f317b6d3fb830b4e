"""What ``jaxdoodle/web`` becomes with a model: a page that recognizes, an ES module package, a page that learns."""
