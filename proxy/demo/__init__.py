"""The demonstration: an origin server that has no entity tags, and a play that loses updates without ifmatch.

What lives here: the bundled origin (`origin`), the clients (`visitor`), what they do (`scenes`), how it is told
(`narration`) and the evening as a whole (`player`). The proxy itself is handed in by the command line.
"""
