"""The manifests of `config/kubernetes`."""
