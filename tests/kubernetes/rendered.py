"""What `kubectl kustomize` makes of a directory, as far as these directories use it.

Resources, generated ConfigMaps and images, in the words of the kustomization API; any other word is an error. The hash
at the end of a generated name is left out.
"""

from pathlib import Path
from typing import Any

import yaml

DIRECTORY = Path(__file__).parents[2] / "config" / "kubernetes"
Manifest = dict[str, Any]


def render(directory: Path) -> list[Manifest]:
    """All objects."""
    written = yaml.safe_load((directory / "kustomization.yaml").read_text())
    assert written.pop("apiVersion") == "kustomize.config.k8s.io/v1beta1"
    assert written.pop("kind") == "Kustomization"
    objects: list[Manifest] = []
    for resource in written.pop("resources"):
        path = directory / resource
        objects += render(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))
    for generator in written.pop("configMapGenerator", []):
        data = {file: (directory / file).read_text() for file in generator.pop("files")}
        metadata = {"name": generator.pop("name")}
        assert not generator
        objects.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    for image in written.pop("images", []):
        _replace_image(objects, image["name"], f"{image['newName']}:{image['newTag']}")
    assert not written, f"{directory}: {sorted(written)}"
    return objects


def _replace_image(objects: list[Manifest], name: str, image: str) -> None:
    for one in objects:
        for container in one.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
            if container["image"] == name:
                container["image"] = image
