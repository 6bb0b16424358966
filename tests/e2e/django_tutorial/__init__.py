"""The API of Django REST framework's own tutorials: snippets, and the groups of the quickstart.

The files are those that a Django project has, and hold what the tutorials put there. It knows nothing of entity tags and
of the proxy. Run as a program, it serves on a free loopback port and says which.
"""
