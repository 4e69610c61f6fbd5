"""The exact report for each file in `bad/`: `python -m tests.config.golden` writes them anew, for a person to review."""

from pathlib import Path

from cors_gateway.config.load import load
from cors_gateway.config.problems import Problem, render_text

BAD = Path(__file__).parent / "bad"
ENVIRON = {"EMPTY": "", "SLASH": "https://app.example.com/", "WORKERS": "4"}


def report(file: Path) -> str:
    """What `check` says, with the file named as if the command had been run beside it."""
    return render_text(problems(file)).replace(f"{file.parent}/", "")


def problems(file: Path) -> tuple[Problem, ...]:
    return load(file, ENVIRON).problems


if __name__ == "__main__":
    for file in sorted(BAD.glob("*.yaml")):
        file.with_suffix(".txt").write_text(report(file))
