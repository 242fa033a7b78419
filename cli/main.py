"""The command `tfkd`: finds the sub-command, imports only that one, and turns a user's mistakes into one message."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import NamedTuple, NoReturn

import click

from tfkd_base.errors import TfkdError, describe_os_error, nearest

from .progress import show_warnings

# TensorFlow reads this when it is imported, which the commands do.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

USER_MISTAKE = 2
INTERRUPTED = 130
BROKEN_PIPE = 1  # as click's own


class Entry(NamedTuple):
    """A command that has not been imported: the module of this package that holds it under its name, and its help."""

    module: str
    help: str


COMMANDS = {
    "demo": Entry("demo", "Run the whole line on bundled corpora, in minutes."),
    "corpus": Entry("corpus", "Check, convert and make corpora."),
    "train": Entry("train", "Train a teacher or a tagger, as a configuration says."),
    "cache-teacher": Entry("cache_teacher", "Keep what a teacher says, for students to learn from."),
    "distill": Entry("distill", "Train a student with a trained teacher."),
    "study": Entry("study", "Make a study: a grid of runs over many corpora, and its report."),
    "evaluate": Entry("evaluate", "Score a trained model on a corpus."),
    "export": Entry("export", "Write a trained model as a SavedModel that takes raw text."),
    "server-config": Entry("server_config", "Write the configuration of a server of several exported models."),
    "annotate": Entry("annotate", "Find the entities in raw text."),
    "benchmark": Entry("benchmark", "Measure speed and memory as ratios."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called; their short helps are known without."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command's module and return the command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"{__package__}.{COMMANDS[cmd_name].module}")
        return getattr(module, cmd_name.replace("-", "_"))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was called, or name the nearest one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"there is no command '{args[0]}'; {nearest(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their short helps, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        click.echo(f"tfkd {version('tfkd')}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Example: tfkd demo",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error (as TFKD_DEBUG=1 does).")
def tfkd(debug: bool) -> None:
    """Biomedical named-entity recognition: teachers over many corpora, and small students of them.

    corpora -> multi-task teacher -> distilled student -> SavedModel -> entities in new text
    """
    if debug:
        os.environ["TFKD_DEBUG"] = "1"


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 2 a mistake in what the user gave, 130 interrupted.

    Args:
        args: What stands behind `tfkd`; by default what the process was called with.
    """
    show_warnings()
    try:
        status = tfkd.main(args=list(args) if args is not None else None, prog_name="tfkd", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(status if isinstance(status, int) else 0)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        # click raises its own error from the interrupt, which may say how to go on.
        said = str(error.__cause__ or error)
        _fail(f"interrupted; {said}" if said else "interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone; Python is not to complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE)
    except click.ClickException as error:
        usage = f"\n{error.ctx.get_usage()}" if isinstance(error, click.UsageError) and error.ctx else ""
        _fail(error.format_message() + usage, USER_MISTAKE)
    except TfkdError as error:
        _fail(str(error), USER_MISTAKE)
    except OSError as error:
        _fail(describe_os_error(error), USER_MISTAKE)


def _fail(message: str, status: int) -> NoReturn:
    if os.environ.get("TFKD_DEBUG", "0") not in ("", "0"):
        traceback.print_exc()
    click.echo(f"tfkd: {message}", err=True)
    sys.exit(status)
