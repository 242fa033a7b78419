"""The command `tfkd`: imports the sub-command that is called, and shows a user's mistake as one message."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, NamedTuple, NoReturn

import click

from tfkd_base.errors import TfkdError, describe_os_error, is_out_of_memory, nearest

from .progress import show_warnings
from .signals import describe_interrupt, install_interrupts
from .streams import close_quietly, replace_unencodable

# TensorFlow reads this when it is imported, which the commands do.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

USER_MISTAKE = 2
BROKEN_PIPE = 1  # as click's own
OUT_OF_MEMORY = "there is not enough memory: use smaller batches (--batch-size, or --set training.batch_size=...)"


class Entry(NamedTuple):
    """Command that has not been imported: its module in this package and its help text."""

    module: str
    help: str


COMMANDS = {
    "demo": Entry("demo", "Train, distil, export and annotate on bundled corpora, in minutes."),
    "corpus": Entry("corpus", "Check, convert and generate corpora."),
    "train": Entry("train", "Train a teacher or a tagger."),
    "vectors": Entry("vectors", "Make word vectors for small models from a transformer."),
    "cache-teacher": Entry("cache_teacher", "Write a teacher's outputs to disk for its students."),
    "distill": Entry("distill", "Train a student with a trained teacher."),
    "evaluate": Entry("evaluate", "Score a trained model on a corpus."),
    "report": Entry("report", "Print a table of finished runs, and draw their training curves."),
    "study": Entry("study", "Run a grid of teachers and students over many corpora, and report it."),
    "export": Entry("export", "Write a trained model as a SavedModel that takes raw text."),
    "push": Entry("push", "Write a trained model to the Hugging Face Hub."),
    "serve": Entry("serve", "Serve exported models on this machine, to try them."),
    "server-config": Entry("server_config", "Write the configuration of a server for several exported models."),
    "annotate": Entry("annotate", "Find the entities in raw text and documents."),
    "demo-page": Entry("demo_page", "Try a model in a page in the browser, on this machine."),
    "models": Entry("models", "List the models that come with tfkd."),
    "benchmark": Entry("benchmark", "Measure speed and memory (in a checkout of the source)."),
}


class _InterruptedError(Exception):
    """A command was asked to stop; the text says how to resume."""


class LazyGroup(click.Group):
    """Group that imports a command only when it is called; the help texts of the list are in `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the work."""
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
        """Find the command; an error names the nearest one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"there is no command '{args[0]}'; {nearest(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an interrupt is not click's, which would print an empty line."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _InterruptedError(str(error)) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their help texts, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        click.echo(f"tfkd {version('tfkd')}", file=sys.stdout)
        ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Example: tfkd demo",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error, as TFKD_DEBUG=1 does.")
def tfkd(debug: bool) -> None:
    """Biomedical named-entity recognition: multi-task teachers over many corpora, distilled into small taggers.

    corpora -> teacher -> distilled student -> SavedModel -> entities in new text
    """
    if debug:
        os.environ["TFKD_DEBUG"] = "1"


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 finished, 2 a user's mistake, 128 and the number of a signal: stopped by it.

    Args:
        args: The arguments after `tfkd`. Default: those of the process.
    """
    arguments = list(sys.argv[1:] if args is None else args)
    interrupts = install_interrupts()
    replace_unencodable()
    show_warnings()
    try:
        status = tfkd.main(args=arguments, prog_name="tfkd", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(status if isinstance(status, int) else 0)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except (_InterruptedError, click.Abort, KeyboardInterrupt) as error:
        _fail(describe_interrupt(interrupts, str(error), arguments), interrupts.status)
    except BrokenPipeError:
        close_quietly()
        sys.exit(BROKEN_PIPE)
    except click.ClickException as error:
        usage = f"\n{error.ctx.get_usage()}" if isinstance(error, click.UsageError) and error.ctx else ""
        _fail(error.format_message() + usage, USER_MISTAKE)
    except TfkdError as error:
        _fail(str(error), USER_MISTAKE)
    except OSError as error:
        _fail(describe_os_error(error), USER_MISTAKE)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        _fail(OUT_OF_MEMORY, USER_MISTAKE)


def _fail(message: str, status: int) -> NoReturn:
    if os.environ.get("TFKD_DEBUG", "0") not in ("", "0"):
        traceback.print_exc()
    with contextlib.suppress(OSError):  # a terminal that was closed
        click.echo(f"tfkd: {message}", file=sys.stderr)
    close_quietly()
    sys.exit(status)
