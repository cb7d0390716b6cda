"""Keepwarm: find the runners-up, and never mail one who asked you not to."""

__version__ = "0.1.0"
