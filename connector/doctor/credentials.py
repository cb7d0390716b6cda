"""What the settings name and the environment holds of an account, judged without asking anyone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connector.accounts import Account
from connector.adapter import Declaration
from connector.doctor.finding import Chart, Finding
from connector.settings import AccountSettings

WHAT = "credentials"


def judged(
    wanted: AccountSettings,
    account: Account | None,
    complaints: list[str],
    environment: Mapping[str, str],
    *,
    file: str,
) -> Iterator[Finding]:
    chart = Chart(wanted.name)
    declaration = account.declaration if account else None
    unset = [(name, it) for name, variables in wanted.secrets.items() for it in variables if not environment.get(it)]
    for name, variable in unset:
        meaning = declaration.secrets.get(name, "") if declaration else ""
        yield chart.fault(WHAT, f"the environment variable {variable} is not set", export(variable, meaning))
    told = {f"the environment variable {variable} is not set" for _, variable in unset}
    for complaint in complaints:
        if not any(complaint.endswith(it) for it in told):
            yield chart.fault("settings", complaint, f"put it right in {file}:{wanted.line}")
    if account is not None and declaration is not None:
        yield from _unnamed(wanted, account, declaration)


def _unnamed(wanted: AccountSettings, account: Account, declaration: Declaration) -> Iterator[Finding]:
    """Secrets that the platform has and the settings do not speak of."""
    chart = Chart(wanted.name)
    keys = [name for name in declaration.secrets if name != "webhook" and name not in wanted.secrets]
    if not account.reachable and keys:
        lines = ", ".join(f"{name}: {variable_of(wanted.name, name)}" for name in keys)
        remedy = f"under accounts.{wanted.name}.secrets write {{{lines}}}, then export what they name: " + "; ".join(
            f"{variable_of(wanted.name, name)} is the {declaration.secrets[name]}" for name in keys
        )
        sentence = f"the settings name no {' and no '.join(keys)}: nothing can be read or written"
        if account.receives:
            yield chart.warning(WHAT, f"{sentence}, webhooks are all there is", remedy)
        else:
            yield chart.fault(WHAT, sentence, remedy)
    if account.receives and not wanted.secrets.get("webhook") and not (declaration.door and declaration.door.unsigned):
        variable = variable_of(wanted.name, "webhook_secret")
        remedy = f"under accounts.{wanted.name}.secrets write webhook: [{variable}], then {export(variable)}"
        yield chart.warning("webhooks", "the settings name no webhook secret, so every delivery is refused", remedy)


def variable_of(account: str, secret: str) -> str:
    """What we would call it."""
    return f"{account}_{secret}".upper().replace("-", "_")


def export(variable: str, meaning: str = "") -> str:
    return f"export {variable}='…'" + (f"   # {meaning}" if meaning else "")
