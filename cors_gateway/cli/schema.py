"""`cors-gateway schema`: the JSON Schema of the configuration, for editors and for `config/schema.json`."""

import click


@click.command()
def command() -> None:
    """Print the JSON Schema of the configuration."""
    import json

    from cors_gateway.config.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
