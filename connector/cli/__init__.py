"""The hand: one file per family of verbs. Each parses, calls one step, prints.

Exit codes: 0 fine · 1 something is wrong with the input or a platform · 2 wrong usage · 3 a plan was refused · 4 another
process has the database.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from connector import __version__
from connector.cli.backtest import COMMANDS as BACKTESTING
from connector.cli.check import COMMANDS as CHECKING
from connector.cli.demo import COMMANDS as SHOWING
from connector.cli.doctor import COMMANDS as EXAMINING
from connector.cli.explain import COMMANDS as EXPLAINING
from connector.cli.ledger import COMMANDS as OWNING
from connector.cli.look import COMMANDS as LOOKING
from connector.cli.person import COMMANDS as FORGETTING
from connector.cli.plans import COMMANDS as PLANNING
from connector.cli.proving import COMMANDS as PROVING
from connector.cli.quality import COMMANDS as COUNTING
from connector.cli.rehearse import COMMANDS as REHEARSING
from connector.cli.shadow import COMMANDS as SHADOWING
from connector.cli.start import COMMANDS as BEGINNING
from connector.cli.words import WRONG, Where, configure_log, say
from connector.cli.work import COMMANDS as WORKING
from connector.errors import ConfigError, KeepwarmError
from connector.plan import PlanRefused
from connector.store import Locked

REFUSED, LOCKED = 3, 4


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="keepwarm")
@click.option(
    "--settings",
    "settings",
    type=click.Path(path_type=Path),
    default=Path("settings.yaml"),
    show_default=True,
    envvar="KEEPWARM_SETTINGS",
    help="The settings file.",
)
@click.option(
    "--database",
    type=click.Path(path_type=Path),
    envvar="KEEPWARM_DATABASE",
    help="The database file, instead of the one in the settings.",
)
@click.pass_context
def keepwarm(context: click.Context, settings: Path, database: Path | None) -> None:
    """Find every runner-up you already paid to interview, and never mail one who asked you not to.

    Start with `keepwarm demo`, then `keepwarm init`. With your own accounts: `check`, `sync`, `plan`, `apply`, then `serve`.

    Exit codes: 0 fine, 1 something is wrong (it says what), 2 wrong usage, 3 a plan was refused, 4 another Keepwarm
    process has the database.
    """
    configure_log()
    context.obj = Where(settings, database)


for command in (
    *BEGINNING,
    *REHEARSING,
    *SHOWING,
    *WORKING,
    *CHECKING,
    *PLANNING,
    *OWNING,
    *LOOKING,
    *FORGETTING,
    *EXPLAINING,
    *SHADOWING,
    *EXAMINING,
    *COUNTING,
    *PROVING,
    *BACKTESTING,
):
    keepwarm.add_command(command)


def main() -> None:
    """Families of errors become words and an exit code; anything else is our bug and shows its whole trace."""
    try:
        # where a command raises Exit, click hands its code back instead
        sys.exit(keepwarm.main(standalone_mode=False) or 0)
    except click.Abort:
        say("stopped", err=True)
        sys.exit(WRONG)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ConfigError as error:
        count = len(error.problems)
        say(f"{error}\n\n{count} problem{'s' if count != 1 else ''}; nothing was started", err=True)
        sys.exit(WRONG)
    except KeepwarmError as error:
        say(str(error), err=True)
        sys.exit(REFUSED if isinstance(error, PlanRefused) else LOCKED if isinstance(error, Locked) else WRONG)
