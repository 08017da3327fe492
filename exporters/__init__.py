"""The workflow graph in other forms: Argo manifests, diagrams."""
