"""`cors-gateway version`: this program, and the libraries that matter when something behaves oddly."""

import click

from cors_gateway import __version__

LIBRARIES = {
    "uvloop": "uvloop",
    "aiohttp": "aiohttp",
    "pydantic": "pydantic",
    "re2": "google-re2",
    "ngh2": "ngh2",
}
"""Name shown and name of the distribution."""
NOT_INSTALLED = "not installed"


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(form: str) -> None:
    """Say which version this is, and of what."""
    libraries = parts()
    if form == "json":
        import json

        click.echo(json.dumps({"version": __version__, **libraries}))
        return
    click.echo(
        f"cors-gateway {__version__} ({', '.join(f'{name} {value}' for name, value in libraries.items())})"
    )


def parts() -> dict[str, str]:
    """Versions of Python and of the libraries, read from their metadata: importing them would take a second."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name, distribution in LIBRARIES.items():
        try:
            found[name] = version(distribution)
        except PackageNotFoundError:
            found[name] = NOT_INSTALLED
    return found
