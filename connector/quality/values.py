"""The platforms' words that map to nothing: how often each stands there, what it costs, what it probably means."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from connector.applications import furthest_stage
from connector.facts import fold
from connector.model import Job, Label, Reason, Ref, Stage
from connector.quality import proposals
from connector.quality.proposals import Guess
from connector.quality.wording import Kind, Mapped, changed, targets
from connector.settings import Words
from connector.store import Tx
from connector.store.survey import Seen

#: Anything with so many digits may be a telephone number, a house or a postcode.
_DIGITS = re.compile(r"\d(?:[\s()-]*\d){5,}")
_STREET = re.compile(
    r"\d|\b(street|road|avenue|lane|drive|close|court|way|house|flat|apartment|terrace|crescent|st|rd|ave)\b"
)
#: A town has few words; an address or a sentence has more.
_TOWN_WORDS = 4
HIDDEN = "(not shown: it looks like a name or an address)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One word of the platforms that the settings do not know."""

    kind: Kind
    text: str
    uses: int = 0
    people: int = 0
    rejections: int = 0
    #: Rejections in which the fact would become known if this word alone were mapped. None: it is no fact of a rejection.
    usable: int | None = None
    accounts: tuple[str, ...] = ()
    #: In how many jobs' pipelines (stage names only).
    jobs: int = 0
    guess: Guess | None = None
    #: What it could mean, where that is known and not which.
    choices: tuple[str, ...] = ()

    @property
    def proposal(self) -> Mapped | None:
        return Mapped(self.kind, self.text, self.guess.target) if self.guess else None

    def __add__(self, other: Value) -> Value:
        """The same word in another account."""
        return replace(
            self,
            uses=self.uses + other.uses,
            people=self.people + other.people,
            rejections=self.rejections + other.rejections,
            usable=None if self.usable is None else self.usable + (other.usable or 0),
            accounts=(*self.accounts, *(it for it in other.accounts if it not in self.accounts)),
            jobs=self.jobs + other.jobs,
        )


@dataclass(slots=True)
class Found:
    values: list[Value] = field(default_factory=list)
    #: account → rejections of which no step is known at all.
    stepless: Counter[str] = field(default_factory=Counter)
    #: account → rejections for which no reason was recorded.
    reasonless: Counter[str] = field(default_factory=Counter)
    #: account → rejections whose reason, or one of whose steps, is an id that the platform tells no name of.
    nameless: Counter[str] = field(default_factory=Counter)


def find(tx: Tx, words: Words, accounts: Sequence[str], *, only: str | None = None) -> Found:
    """`accounts`: those that candidates come from. `only`: of people count those whom this one knows."""
    found = Found()
    said: list[Value] = []
    for account in accounts:
        said += _stages(tx, account, words, found)
        said += _reasons(tx, account, found)
        said += _verdicts(tx, account, words)
        said += _jobs(tx, account, words)
    said += [it for seen in tx.survey.locations(only) if (it := _place(seen, seen.value or "", words)) is not None]
    known = {fold(word) for key, names in words.vocabulary.skills.items() for word in (key, *names)}
    known |= {fold(word) for key, names in words.vocabulary.skill_families.items() for word in (key, *names)}
    if known:  # without a list of ours every skill stands for itself
        said += [_value(Kind.SKILL, it) for it in tx.survey.words("skills", only) if it.value not in known]
    merged: dict[tuple[Kind, str], Value] = {}
    for value in said:
        key = (value.kind, value.text if value.kind is Kind.VERDICT else fold(value.text))
        merged[key] = merged[key] + value if key in merged else value
    found.values = _screened(tx, [_guessed(it, words) for it in merged.values()])
    found.values.sort(key=lambda it: (it.kind is Kind.SKILL, -(it.usable or 0), -it.people, it.kind, it.text))
    return found


def _value(kind: Kind, it: Seen, account: str = "", text: str = "", usable: int | None = None) -> Value:
    return Value(
        kind=kind,
        text=text or it.value or "",
        uses=it.uses,
        people=it.people,
        rejections=it.rejections,
        usable=usable,
        accounts=(account,) if account else (),
    )


# stages


def _stages(tx: Tx, account: str, words: Words, found: Found) -> Iterator[Value]:
    reference = {it.ref: it for it in tx.records.of_kind(account, "stage") if isinstance(it, Stage)}
    unknown = {it.ref.id: it.name for it in reference.values() if fold(it.name) not in words.stage_names}
    spelt = {fold(name): name for name in unknown.values()}
    usable = _usable(tx, account, reference, words, found)
    jobs = {fold(it.name): set[object]() for it in reference.values()}
    for it in reference.values():
        jobs[fold(it.name)].add(it.job)
    between = _neighbours(reference.values(), words)
    for seen in tx.survey.stages(account, {id_: fold(name) for id_, name in unknown.items()}):
        name = seen.value or ""
        value = _value(Kind.STAGE, seen, account, spelt[name], usable[name])
        guess = _placed(proposals.stage(value.text, targets(Kind.STAGE, words)), between.get(name), words)
        yield replace(value, jobs=len(jobs[name]), guess=guess)


def _usable(tx: Tx, account: str, reference: Mapping[Ref, Stage], words: Words, found: Found) -> Counter[str]:
    """Folded name → rejections whose furthest step would be known if that name were."""
    usable: Counter[str] = Counter()
    with_name: dict[str, Words] = {}
    first = words.vocabulary.stages[:1]
    for it, visits, _ in tx.survey.without_stage(account):
        refs = [visit.stage for visit in visits] or ([it.stage] if it.stage else [])
        found.stepless[account] += not refs
        found.nameless[account] += any(ref not in reference for ref in refs)
        names = {fold(reference[ref].name) for ref in refs if ref in reference}
        for name in names - words.stage_names.keys() if first else ():
            if name not in with_name:
                with_name[name] = changed(words, [Mapped(Kind.STAGE, name, first[0])])
            usable[name] += furthest_stage(it, visits, reference, with_name[name])[0] is not None
    return usable


def _neighbours(stages: Iterable[Stage], words: Words) -> dict[str, tuple[int, int]]:
    """Folded unmapped name → the rungs it can be on, going by what stands before and after it in its pipelines."""
    ladder = words.vocabulary.stages
    pipelines: dict[object, list[Stage]] = defaultdict(list)
    for it in stages:
        if it.order is not None:
            pipelines[it.ref.account, it.job].append(it)
    bounds: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for steps in pipelines.values():
        steps.sort(key=lambda it: (it.order or 0, it.ref.id))
        rungs = [ladder.index(key) if (key := words.stage_names.get(fold(it.name))) else None for it in steps]
        for place, it in enumerate(steps):
            before = [rung for rung in rungs[:place] if rung is not None]
            after = [rung for rung in rungs[place + 1 :] if rung is not None]
            if rungs[place] is None and before and after and _rises([*before, *after]):
                bounds[fold(it.name)].append((before[-1], after[0]))
    return {name: (max(low for low, _ in told), min(high for _, high in told)) for name, told in bounds.items()}


def _rises(rungs: Sequence[int]) -> bool:
    """A pipeline that goes up and down says nothing by its order."""
    return all(one <= other for one, other in pairwise(rungs))


def _placed(guess: Guess | None, between: tuple[int, int] | None, words: Words) -> Guess | None:
    """The guess from its name, unless its place in the pipeline contradicts; else what its place alone allows."""
    ladder = words.vocabulary.stages
    if between is None or between[0] > between[1]:
        return guess
    low, high = between
    where = f"it stands after `{ladder[low]}` and before `{ladder[high]}`"
    if guess is not None:
        return replace(guess, why=f"{guess.why}; {where}") if low <= ladder.index(guess.target) <= high else None
    if low == high:
        return Guess(ladder[low], f"it stands between two steps that are `{ladder[low]}`")
    return Guess(ladder[low + 1], where) if high == low + 2 else None


# reasons, verdicts, jobs


def _reasons(tx: Tx, account: str, found: Found) -> Iterator[Value]:
    names = {it.ref.id: it.name for it in tx.records.of_kind(account, "reason") if isinstance(it, Reason)}
    for it in tx.survey.reasons(account):
        if it.value is None:
            found.reasonless[account] += it.rejections
        elif it.value in names:
            yield _value(Kind.REASON, it, account, names[it.value], it.rejections)
        else:
            found.nameless[account] += it.rejections


def _verdicts(tx: Tx, account: str, words: Words) -> Iterator[Value]:
    for it in tx.survey.ratings(account):
        if it.value is not None and it.value not in words.scale:
            yield _value(Kind.VERDICT, it, account, usable=it.rejections)


def _jobs(tx: Tx, account: str, words: Words) -> Iterator[Value]:
    """Departments (of a job without one: its title) and towns of jobs."""
    labels = {it.ref: it.name for it in tx.records.of_kind(account, "department") if isinstance(it, Label)}
    departments, towns = {}, {}
    for it in tx.records.of_kind(account, "job"):
        if isinstance(it, Job):
            department = labels.get(it.department) if it.department else None
            departments[fold(str(it.ref))] = department or it.department_name or it.title
            if it.location:
                towns[fold(str(it.ref))] = it.location
    yield from (_value(Kind.FUNCTION, it, account) for it in tx.survey.jobs(account, "function", departments))
    for seen in tx.survey.jobs(account, "region", towns):
        if (value := _place(seen, seen.value or "", words, account)) is not None:
            yield value


def _place(seen: Seen, text: str, words: Words, account: str = "") -> Value | None:
    """A place without a region, unless it is known to be abroad. Only the town of an address."""
    places = words.vocabulary.places
    found = places.find(text)
    if found.country and found.country != places.home:
        return None
    town = text.split(",")[0].strip()
    if found.standing == "known" or (words.vocabulary.regions and proposals.guess(town, words.vocabulary.regions)):
        return _value(Kind.PLACE, seen, account, town)
    return replace(_value(Kind.TOWN, seen, account, town), choices=found.choices)


# what is proposed, and what is not shown


def _guessed(it: Value, words: Words) -> Value:
    if it.kind is Kind.STAGE:
        return it
    if it.kind is Kind.VERDICT:
        worth = proposals.verdict(it.text)
        return it if worth is None else replace(it, guess=Guess(f"{worth:g}", "what such a word usually says"))
    if it.kind is Kind.TOWN:
        return it if it.choices else replace(it, guess=_town(it.text, words))
    kinds = proposals.REASONS if it.kind is Kind.REASON else None
    return replace(it, guess=proposals.guess(it.text, targets(it.kind, words), kinds))


def _town(text: str, words: Words) -> Guess | None:
    places = words.vocabulary.places
    found = proposals.town(text, places.similar(text))
    known = places.find(found.target) if found else None
    return found if known and known.town and known.country == places.home else None


def _screened(tx: Tx, values: Sequence[Value]) -> list[Value]:
    """Free text may hold anything. What looks like a person's name, address or number is counted and not shown."""
    parts = {it: _pieces(fold(it.text)) for it in values}
    names = tx.survey.named({piece for pieces in parts.values() for piece in pieces})
    return [replace(it, text=HIDDEN, guess=None) if parts[it] & names or _private(it) else it for it in values]


def _private(it: Value) -> bool:
    town = it.kind in (Kind.PLACE, Kind.TOWN)
    if "@" in it.text or _DIGITS.search(it.text):
        return True
    return town and (bool(_STREET.search(fold(it.text))) or len(it.text.split()) > _TOWN_WORDS)


def _pieces(text: str) -> frozenset[str]:
    """Two, three or four words in a row: a name has no fewer."""
    words = re.findall(r"[\w'’-]+", text)
    return frozenset(
        " ".join(words[start : start + size]) for size in (2, 3, 4) for start in range(len(words) - size + 1)
    )


__all__ = ["HIDDEN", "Found", "Value", "find"]
