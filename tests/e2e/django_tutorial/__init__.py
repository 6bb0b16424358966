"""The API of Django REST framework's own tutorials: snippets, and the groups of the quickstart.

The files have the names and the content that the tutorials give them; they know nothing of entity tags. Run as a
program, it serves on a free loopback port and says which. `running` and `clients` are what a test uses.
"""
