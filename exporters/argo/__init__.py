"""Argo Workflows: manifests and what can be wrong with them."""
