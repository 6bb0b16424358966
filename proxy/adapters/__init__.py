"""Adapters that fulfil the ports."""
