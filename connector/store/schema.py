"""The tables, station by station. Migrations run forward only; a released one is never edited.

Times are fixed-width UTC text (`clock.stamp`), so that comparing text compares moments. The mirror's columns come from
the fact registry: a fact is added there and nowhere else.
"""

from __future__ import annotations

from importlib.resources import files

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from connector.facts import mirror

migrations = Migrations("keepwarm")


#: What the house keeps of a message beside the facts that rules read.
MESSAGES = """
alter table messages add column state text not null default 'queued';
alter table messages add column due_at text not null default '';
alter table messages add column why text not null default '';
-- the version of the cadence, and of all rules, that decided on it
alter table messages add column rule_hash text not null default '';
alter table messages add column set_hash text not null default '';
"""

FULL_TEXT = """
create virtual table people_text using fts5 (words, tokenize = 'unicode61 remove_diacritics 2');
"""


@migrations()
def m0001_stations(db: Database) -> None:
    for statement in statements(files(__package__).joinpath("stations.sql").read_text(encoding="utf-8")):
        db.execute(statement)
    for statement in mirror():
        db.execute(statement)
    for statement in statements(MESSAGES):
        db.execute(statement)
    db.execute(FULL_TEXT)


def statements(script: str) -> list[str]:
    """One by one, because `executescript` would commit the migration's own transaction."""
    lines = [line for line in script.splitlines() if not line.lstrip().startswith("--")]
    return [statement.strip() for statement in "\n".join(lines).split(";") if statement.strip()]
