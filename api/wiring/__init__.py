"""Workflows from mappings: the wiring of steps as YAML, JSON or a dict, in place of a script.

The form is described in docs/how-to/write-a-workflow-in-yaml.md.
"""
