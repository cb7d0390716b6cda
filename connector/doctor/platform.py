"""What a platform answered about our account, and what the store remembers of it, turned into findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from connector.accounts import Account
from connector.adapter import Health
from connector.doctor.asking import Answer
from connector.doctor.finding import Chart, Finding, parted
from connector.errors import KeepwarmError, RateLimited, Retry, Unauthorized
from connector.flow import Verb
from connector.settings import MessageSettings
from connector.store import Tx

#: Signatures older or newer than five minutes are refused, and windows of change shift by as much.
SKEWED, BROKEN = 30.0, 240.0
#: A door that nobody knocked at for so long, weekend included.
SILENT = timedelta(days=3)
#: Pulls that are late by more than this: nothing pulls.
STALE = timedelta(hours=6)


def answered(account: Account, answer: Answer | None, *, within: float) -> Iterator[Finding]:
    """What it said when it was asked."""
    chart = Chart(account.name)
    if not account.reachable:
        return
    if answer is None:
        yield chart.fine("platform", "has nothing that could be asked")
    elif answer.health is not None:
        yield from _health(account, answer.health)
        for name, faults in (answer.messages or {}).items():
            for fault in faults:
                sentence, remedy = parted(fault)
                yield chart.fault(
                    "messages", f"{name}: {sentence}", remedy or f"change messages.{name} in the settings"
                )
    elif answer.error is not None:
        yield _failed(account, answer.error)
    else:
        yield chart.fault(
            "platform",
            f"no answer within {within:g} s",
            f"see whether {_host(account)} can be reached from here; `keepwarm doctor {account.name} --within 120` waits longer",
        )


def _failed(account: Account, error: Exception) -> Finding:
    chart = Chart(account.name)
    named = [f"{name} (in {', '.join(them)})" for name, them in account.settings.secrets.items() if name != "webhook"]
    if isinstance(error, Unauthorized):
        remedy = f"make new credentials in the platform and put them into {', '.join(named)}"
        return chart.fault("credentials", f"not accepted ({error})", remedy)
    if isinstance(error, RateLimited | Retry):
        remedy = f"try again in a minute; if it stays, see whether {_host(account)} can be reached from here"
        return chart.fault("platform", f"does not answer properly ({error})", remedy)
    if isinstance(error, KeepwarmError):
        return chart.fault("platform", f"answers, but not as documented ({error})", "see its README for the set-up")
    return chart.fault(
        "platform", f"our adapter failed ({type(error).__name__})", "report it, with the version of Keepwarm"
    )


def _host(account: Account) -> str:
    return account.settings.base_url or account.declaration.base_url or "the platform's address"


def _health(account: Account, health: Health) -> Iterator[Finding]:
    chart = Chart(account.name)
    if health.granted or not (health.faults or health.missing):
        yield chart.fine("credentials", f"accepted ({health.name})" if health.name else "accepted")
    faults = list(health.faults)
    yield from _scopes(account, health, faults)
    for fault in faults:
        sentence, remedy = parted(fault)
        yield chart.fault("platform", sentence, remedy or _readme(account))
    for warning in health.warnings:
        sentence, remedy = parted(warning)
        yield chart.warning("platform", sentence, remedy or _readme(account))
    if health.clock_skew is not None:
        yield _clock(chart, health.clock_skew)
    for name, text in health.facts.items():
        yield chart.fine(name.replace("_", " "), text)


def _readme(account: Account) -> str:
    return f"see the set-up in adapters/{account.settings.platform}/README.md"


def _scopes(account: Account, health: Health, faults: list[str]) -> Iterator[Finding]:
    """Missing scopes take the faults that name them as their remedy, so that nothing is said twice."""
    chart = Chart(account.name)
    if health.granted:
        some = ", ".join(health.granted) if len(health.granted) <= 3 else f"{len(health.granted)} granted"
        yield chart.fine("scopes", some)
    for scope in health.missing:
        telling = [it for it in faults if scope in it]
        remedy = next(
            (parted(it)[1] or it for it in telling), f"grant {scope} to the key, or make a new key that has it"
        )
        needs = _needs(account, scope)
        yield chart.fault("scopes", f"{scope} is missing" + (f", so no {needs}" if needs else ""), remedy)
    faults[:] = [it for it in faults if not any(scope in it for scope in health.missing)]
    if health.unused:
        remedy = "take them away, or make a new key without them: a stolen one can then do less"
        yield chart.warning("scopes", f"granted and not needed: {', '.join(health.unused)}", remedy)


def _needs(account: Account, scope: str) -> str:
    """What does not work without that scope."""
    declared = account.declaration
    streams = [f"pull of {it.name}" for it in declared.streams if it.scope == scope]
    verbs = [verb.value for verb, needed in declared.scopes.items() if needed == scope]
    return ", ".join(streams + verbs)


def _clock(chart: Chart, skew: float) -> Finding:
    off = f"the platform's clock is {abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} ours"
    if abs(skew) < SKEWED:
        return chart.fine("clock", "agrees with ours" if abs(skew) < 2 else off)
    remedy = "let this machine keep the right time: sudo timedatectl set-ntp true"
    if abs(skew) < BROKEN:
        return chart.warning("clock", off, remedy)
    return chart.fault("clock", f"{off}: signed webhooks are refused, and changes are missed", remedy)


# what the store remembers


def remembered(tx: Tx | None, account: Account, *, now: datetime, door: str) -> Iterator[Finding]:
    """`tx` None: there is no database yet, so nothing was ever heard or pulled."""
    if tx is not None:
        yield from _paused(tx, account)
        if account.pulls:
            yield from _pulled(tx, account, now=now)
    if account.receives and account.declaration.door is not None:
        yield from _heard(tx.inbox.hearings(account.name) if tx else {}, account, now=now, door=door)


def _paused(tx: Tx, account: Account) -> Iterator[Finding]:
    for pause in tx.schedule.pauses():
        if pause.account == account.name:
            sentence = f"{pause.scope or 'everything'} has stood still since {pause.at:%-d %b %H:%M} UTC: {pause.why}"
            yield Chart(account.name).warning(
                "pauses",
                sentence,
                f"once that is put right it goes on by itself; asked again at {pause.until:%H:%M} UTC",
            )


def _pulled(tx: Tx, account: Account, *, now: datetime) -> Iterator[Finding]:
    chart = Chart(account.name)
    marks = [(stream, tx.schedule.mark(account.name, stream.name)) for stream in account.declaration.streams]
    never = [stream.name for stream, mark in marks if mark.pulled_at is None]
    late = [
        (stream.name, mark.pulled_at)
        for stream, mark in marks
        if mark.pulled_at is not None and now - mark.pulled_at > stream.every + STALE
    ]
    if len(never) == len(marks):
        yield chart.warning("pulls", "nothing was ever pulled", f"keepwarm sync {account.name}")
    elif never:
        yield chart.warning("pulls", f"never pulled: {', '.join(never)}", f"keepwarm sync {account.name}")
    if late:
        oldest = min(at for _, at in late)
        names = ", ".join(name for name, _ in late)
        yield chart.warning(
            "pulls", f"last {ago(oldest, now)}: {names}", "start `keepwarm serve`, or run `keepwarm sync`"
        )
    elif not never:
        yield chart.fine("pulls", f"last {ago(min(mark.pulled_at for _, mark in marks if mark.pulled_at), now)}")


def _heard(heard: Mapping[str, datetime], account: Account, *, now: datetime, door: str) -> Iterator[Finding]:
    chart = Chart(account.name)
    declared = account.declaration.door
    where, tail = (declared.where, declared.tail) if declared else ("", "")
    paste = f"paste {door}/webhooks/{account.name}{tail}" + (f" into {where}" if where else "")
    # without credentials there is no second way by which changes come in
    worse = chart.warning if account.reachable else chart.fault
    if not heard:
        yield worse("webhooks", "none has come in yet", paste)
        return
    last = max(heard.values())
    kinds = sorted(((at, name) for name, at in heard.items() if name), reverse=True)
    told = ", ".join(f"{name} {ago(at, now)}" for at, name in kinds) or "of no kind that is read"
    if now - last > SILENT:
        remedy = f"see in the platform whether the webhook is still switched on; if it is gone, {paste}"
        yield worse("webhooks", f"silent since {ago(last, now)} (heard: {told})", remedy)
    else:
        yield chart.fine("webhooks", f"heard: {told}")
    if never := [name for name in _events(account) if name not in heard]:
        yield chart.fine("not heard yet", ", ".join(never))


def _events(account: Account) -> Iterable[str]:
    return account.declaration.door.events if account.declaration.door else ()


def ago(at: datetime, now: datetime) -> str:
    """`3 hours ago`"""
    seconds = max((now - at).total_seconds(), 0)
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {word}{'s' if count > 1 else ''} ago"
    return "just now"


# messages that go out through it


def routed(messages: Sequence[MessageSettings], account: Account) -> Iterator[Finding]:
    """Can this account send in the ways that the settings say."""
    chart = Chart(account.name)
    if messages and not account.reachable:
        names = ", ".join(it.name for it in messages)
        yield chart.fault(
            "messages", f"cannot go out without credentials: {names}", "give it the credentials named above"
        )
        return
    for message in messages:
        if message.by not in ways(account):
            able = ", ".join(ways(account)) or "none"
            yield chart.fault(
                "messages",
                f"{message.name} is to go `by: {message.by}`, which {account.settings.platform} cannot",
                f"in messages.{message.name} name an account that can, or a way that this one has ({able})",
            )


def ways(account: Account) -> list[str]:
    verbs = {"campaign": Verb.SCHEDULE_CAMPAIGN, "journey": Verb.START_JOURNEY, "event": Verb.SEND_EVENT}
    return [name for name, verb in verbs.items() if verb in account.declaration.verbs]
