"""`config/shell/`, what a shell and `man` know of the program: `python -m tests.shell_files` writes it.

Everything is drawn from the commands themselves: completion scripts by click, manual pages from the help texts. The tree
is laid out as `share/` of the environment that the wheel is installed in.
"""

from collections.abc import Iterable, Iterator
from inspect import cleandoc
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from cors_gateway import __version__
from cors_gateway.cli import VERBS, main

PROGRAM = "cors-gateway"
DIRECTORY = Path(__file__).parent.parent / "config" / "shell"

COMPLETIONS = {
    "bash": f"bash-completion/completions/{PROGRAM}",
    "zsh": f"zsh/site-functions/_{PROGRAM}",
    "fish": f"fish/vendor_completions.d/{PROGRAM}.fish",
}
VARIABLE = "_CORS_GATEWAY_COMPLETE"
"""What click asks for in the environment when a shell wants to complete; it follows from the program's name."""


def files() -> dict[str, str]:
    """Every file below `DIRECTORY` with its text."""
    top = click.Context(main, info_name=PROGRAM, **main.context_settings)
    pages = {f"man/man1/{PROGRAM}.1": _overview(top)}
    for verb in VERBS:
        command = main.get_command(top, verb)
        assert command is not None
        context = click.Context(command, info_name=verb, parent=top)
        pages[f"man/man1/{PROGRAM}-{verb}.1"] = _page(context)
    return {**{place: _completion(shell) for shell, place in COMPLETIONS.items()}, **pages}


def _completion(shell: str) -> str:
    kind = get_completion_class(shell)
    assert kind is not None
    # Not `source()`, which asks the shell that happens to be here for its version.
    script = kind(main, {}, PROGRAM, VARIABLE)
    return (script.source_template % script.source_vars()).strip() + "\n"


def _overview(context: click.Context) -> str:
    verbs = [line for verb in VERBS for line in _verb(context, verb)]
    see = ", ".join(_reference(f"{PROGRAM}-{verb}") for verb in VERBS)
    return _roff([*_opening(context), ".SH COMMANDS", *verbs, *_options(context), ".SH SEE ALSO", see])


def _verb(context: click.Context, verb: str) -> Iterator[str]:
    command = main.get_command(context, verb)
    assert command is not None
    yield from (".TP", f"\\fB{verb}\\fR", _escaped(command.get_short_help_str(limit=200)))


def _page(context: click.Context) -> str:
    closing = [".SH SEE ALSO", _reference(PROGRAM)]
    return _roff([*_opening(context), *_options(context), *_environment(context), *closing])


def _opening(context: click.Context) -> Iterator[str]:
    name = context.command_path.replace(" ", "-")
    usage = " ".join(context.command.collect_usage_pieces(context))
    yield f'.TH "{name.upper()}" "1" "" "{PROGRAM} {__version__}"'
    yield ".SH NAME"
    yield f"{_escaped(name)} \\- {_escaped(context.command.get_short_help_str(limit=200).rstrip('.'))}"
    yield ".SH SYNOPSIS"
    yield f"\\fB{_escaped(context.command_path)}\\fR {_escaped(usage)}"
    yield ".SH DESCRIPTION"
    yield from _paragraphs(cleandoc(context.command.help or ""))


def _paragraphs(text: str) -> Iterator[str]:
    """As they stand in `--help`; those that click leaves unwrapped, after a `\\b`, keep their lines."""
    for paragraph in text.split("\n\n"):
        is_kept, lines = paragraph.startswith("\b"), paragraph.lstrip("\b\n").split("\n")
        yield ".PP"
        if is_kept:
            yield from (".nf", *map(_escaped, lines), ".fi")
        else:
            yield _escaped(" ".join(line.strip() for line in lines))


def _options(context: click.Context) -> Iterator[str]:
    yield ".SH OPTIONS"
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            yield from (".TP", f"\\fB{_escaped(record[0])}\\fR", _escaped(record[1]))


def _environment(context: click.Context) -> Iterator[str]:
    named = [(option.envvar, option.opts[-1]) for option in context.command.params if option.envvar]
    if named:
        yield ".SH ENVIRONMENT"
    for variable, option in named:
        yield from (".TP", f"\\fB{variable}\\fR", f"In place of \\fB{_escaped(option)}\\fR.")


def _reference(page: str) -> str:
    return f"\\fB{_escaped(page)}\\fR(1)"


def _escaped(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def _roff(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for name, text in files().items():
        (DIRECTORY / name).parent.mkdir(parents=True, exist_ok=True)
        (DIRECTORY / name).write_text(text, encoding="utf-8")
