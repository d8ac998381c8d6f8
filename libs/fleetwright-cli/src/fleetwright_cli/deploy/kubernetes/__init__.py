"""A fleet in Kubernetes: Kustomize files, held to rules, and applied."""
