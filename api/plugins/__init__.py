"""Thin modules that keep the import paths of upstream plugins."""
