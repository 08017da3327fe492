"""Checks for what users write themselves: object stores (``dflow.testing.storage``)."""
