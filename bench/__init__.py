"""Measurements. Each is a program of its own that prints a table; none is a test, since machines differ."""
