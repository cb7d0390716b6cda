"""`init` and `new`: a folder to begin with, and one rule more."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from connector.cli.check import check
from connector.cli.doctor import doctor
from connector.cli.plans import plan
from connector.cli.rehearse import rehearsed
from connector.cli.words import Where, plural, say
from connector.cli.work import sync
from connector.doctor import WITHIN
from connector.house import real_clock
from connector.setup import KINDS, Answers, by_default, choices, files, fresh, held, packs, write
from connector.setup.packs import SETTINGS
from connector.setup.premises import ENV, IGNORE, NONE, zone_of_machine
from connector.written import as_zone, meant


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option("--pack", metavar="PACK", help="What to begin with: one-person-hr, hospital-nursing or technical-hiring.")
@click.option("--ats", metavar="PLATFORM", help="Your applicant tracking system, for example greenhouse.")
@click.option("--mail", metavar="PLATFORM", help="Your mailing platform, for example mailchimp; or none.")
@click.option("--zone", metavar="ZONE", help="Your time zone, for example Europe/London.")
@click.option("--chat/--no-chat", default=None, help="Tell colleagues things in a chat channel, where the pack does.")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="ACCOUNT.NAME=VALUE",
    help="What a platform must know, as newsletter.audience=a1b2.",
)
@click.option("--sandboxes/--accounts", default=None, help="Try it on sandboxes at once, or go on with your accounts.")
@click.option("--yes", is_flag=True, help="Ask nothing: take what is usual for all that is not said, and go on.")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
@click.pass_context
def init(
    context: click.Context, folder: Path, pack: str | None, ats: str | None, mail: str | None, zone: str | None,
    chat: bool | None, options: tuple[str, ...], sandboxes: bool | None, yes: bool, force: bool,
) -> None:  # fmt: skip
    """Begin in FOLDER (here, unless said): settings, rules with their tests, and a first plan.

    Asks a few questions; each can be answered by an option instead. Overwrites nothing without --force.
    """
    ask = _Questions(yes)
    usual = by_default(zone_of_machine())
    titles = {name: it.title for name, it in packs().items()}
    hiring, mailing = (dict.fromkeys(it, "") for it in choices())
    pack = ask.which("pack", "What do you want to begin with?", pack, titles, usual.pack)
    ats = ask.which("ats", "Which applicant tracking system do you have?", ats, hiring, usual.ats)
    if mail is None and not packs()[pack].writes_to_people:
        mail = NONE
    mail = ask.which("mail", "Which mailing platform?", mail, mailing, usual.mail)
    zone = _zone(zone or ask.text("Your time zone", usual.zone))
    if sandboxes is None:
        sandboxes = ask.sure("Try it on sandboxes first? Invented candidates, no secrets, nothing leaves this machine")
    answers = Answers(pack=pack, ats=ats, mail=mail, zone=zone, options=_options(options))
    if chat is None and packs()[pack].tells_colleagues:
        chat = sandboxes or ask.sure(
            "Shall colleagues be told in a chat channel (a Slack-compatible incoming webhook)?"
        )
    answers = replace(answers, chat=chat is not False)
    _known(answers)
    if not sandboxes:
        asked = {(it, name): ask.text(f"{it}: {meaning}", "") for it, name, meaning in answers.open_options}
        answers = replace(answers, options={**answers.options, **{it: said for it, said in asked.items() if said}})
    _write(folder, files(answers), force=force)
    context.obj = Where(folder / SETTINGS)
    if folder.resolve() != Path.cwd():
        say(f"\nEverything that follows is done there:  cd {shlex.quote(str(folder))}")
    if sandboxes:
        say()
        rehearsed(context.obj, wanted=True if yes else None, typed_in=folder)
        say(f"With your own accounts, when you like: paste your secrets as {ENV} says, then  keepwarm doctor")
    else:
        _real(context, answers, ask)


class _Questions:
    """Asked on a terminal; where there is none, or with --yes, what is usual is taken."""

    def __init__(self, yes: bool) -> None:
        self._silent = yes
        if not yes and not sys.stdin.isatty():
            self._silent = True
            say("no terminal to ask on: what is not said by options is taken as usual", err=True)

    def which(self, option: str, question: str, said: str | None, known: Mapping[str, str], usual: str) -> str:
        if said is not None:
            if said.lower() not in known:
                raise click.UsageError(f"--{option} {said}: there are {', '.join(known)}{meant(said, known)}")
            return said.lower()
        if self._silent:
            return usual
        say(f"\n{question}")
        wide = max(len(it) for it in known)
        for number, (name, meaning) in enumerate(known.items(), start=1):
            say(f"  {number}  {name:{wide}}  {meaning}".rstrip())
        by_number = {str(number): name for number, name in enumerate(known, start=1)}

        def read(said: str) -> str:
            name = by_number.get(said.strip(), said.strip().lower())
            if name not in known:
                raise click.BadParameter(f"a number from 1 to {len(known)}, or a name{meant(name, known)}")
            return name

        return str(click.prompt("Number or name", default=usual, value_proc=read))

    def text(self, question: str, usual: str) -> str:
        return usual if self._silent else str(click.prompt(question, default=usual, show_default=bool(usual))).strip()

    def sure(self, question: str, *, usual: bool = True) -> bool:
        return usual if self._silent else click.confirm(question, default=usual)


def _zone(name: str) -> str:
    if as_zone(name) is None:
        raise click.UsageError(f"`{name}` is no time zone; write one as `Europe/London` or `America/New_York`")
    return name


def _options(said: Sequence[str]) -> dict[tuple[str, str], str]:
    found = {}
    for text in said:
        where, equals, value = text.partition("=")
        account, dot, name = where.partition(".")
        if not (equals and dot and value):
            raise click.UsageError(f"--option {text}: write ACCOUNT.NAME=VALUE, for example newsletter.audience=a1b2c3")
        found[account, name] = value
    return found


def _known(answers: Answers) -> None:
    able = {(name, it.name) for name, declared in answers.accounts.items() for it in declared.options if it.required}
    for account, name in answers.options:
        if (account, name) not in able:
            told = ", ".join(f"{one}.{two}" for one, two in sorted(able)) or "none"
            raise click.UsageError(
                f"--option {account}.{name}: what has to be said here is {told}; the rest goes into {SETTINGS}"
            )


def _write(folder: Path, made: Mapping[str, str], *, force: bool) -> None:
    if not force and (there := held(folder, made)):
        raise click.UsageError(
            f"{', '.join(there)}: there already in {folder}, and different. Nothing was written. "
            "Choose another folder, or overwrite with --force."
        )
    for name, what in write(folder, made):
        say(f"{what:16}{folder / name}")
        if name == IGNORE and what == "left as it is" and "state/" not in (folder / name).read_text(encoding="utf-8"):
            say(f"{'':16}add these lines to it: state/ and .env")
    others = sorted({it.name for it in (folder / "rules").glob("*.yaml")} - {Path(name).name for name in made})
    if others:
        say(f"{'':16}{plural(len(others), 'other file')} of rules stay in force beside these: {', '.join(others)}")


def _real(context: click.Context, answers: Answers, ask: _Questions) -> None:
    """Look over what can be looked over; pull and plan where everything is there for it."""
    missing = [it for it in answers.variables if not os.environ.get(it)]
    say("\nkeepwarm check" + (" --offline" if missing else ""))
    fine = _run(context, check, offline=bool(missing), machine=False, schema=False)
    if missing or answers.open_options:
        _to_do(answers, missing, fine=fine)
        return
    say("\nkeepwarm doctor")
    fine = _run(context, doctor, account=None, within=WITHIN, machine=False) and fine
    if fine and ask.sure(
        "\nPull everything now, and show a first plan? It only reads; nothing is written to a platform"
    ):
        say("\nkeepwarm sync")
        if _run(context, sync, account=None, full=False, machine=False):
            say("\nkeepwarm plan")
            _run(context, plan, machine=False)
            return
    first = "" if fine else "mend what stands above (`keepwarm doctor` shows it again), then  "
    say(f"\nNext:  {first}keepwarm sync, then keepwarm plan, then keepwarm apply PLAN. From then on:  keepwarm serve")


def _to_do(answers: Answers, missing: Sequence[str], *, fine: bool) -> None:
    steps = [] if fine else ["mend what stands above, until `keepwarm check --offline` says fine"]
    steps += [f"in {SETTINGS}, write {name}.{option}: {meaning}" for name, option, meaning in answers.open_options]
    if missing:
        steps.append(
            f"cp {ENV} .env, paste your secrets into it ({', '.join(missing)}), then  set -a; . ./.env; set +a"
        )
    steps += [
        "keepwarm doctor     whether the platforms accept them, and what else is missing",
        "keepwarm sync       pull; nothing is written to a platform before you applied a plan",
        "keepwarm plan       what would change; ends with the id of the plan",
        "keepwarm apply PLAN do just that",
        "keepwarm serve      from now on",
    ]
    say("\nWhat is left to do, in this order:")
    for number, step in enumerate(steps, start=1):
        say(f"  {number}. {step}")
    if answers.mail != NONE:
        say("\nThe words of the mailings are placeholders: see `messages` in the settings before you apply anything.")
    say("To see your rules at work meanwhile, without any account:  keepwarm rehearse")


def _run(context: click.Context, command: Callable[..., Any], **options: Any) -> bool:
    """Another verb, as if it had been typed; False where it would have ended with 1."""
    try:
        context.invoke(command, **options)
    except click.exceptions.Exit as ended:
        return ended.exit_code == 0
    return True


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)), metavar="KIND")
@click.argument("name")
@click.option(
    "--into", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Append to this file of rules, and to its test."
)  # fmt: skip
@click.pass_obj
def new(where: Where, kind: str, name: str, into: Path | None) -> None:
    """Write one commented rule of a KIND, called NAME, and a test of it. Both are valid as they are; then change them.

    It begins in shadow: it is judged and counted, and changes nothing until you take that line out.

    rule: a tag on people's records. segment: a pool in the audience. cadence: messages over time. suppression: who is not
    written to. role-rule: who is told when a role opens.
    """
    made = fresh(kind, name, where.load(), into=into, now=real_clock())
    for path, text in made.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        say(f"{path}: {'appended to' if made.appended else 'written'}")
    _, tests = made.files
    say(f"Its test passes. Change both, then:  keepwarm test {shlex.quote(str(tests))}  and  keepwarm plan")


COMMANDS = (init, new)
