"""Which drawings are on a page, and in which order does one read them?"""
