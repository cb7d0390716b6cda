"""The contract suite can fail: each fault planted in the invented adapter is caught by the check that should."""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.contract.folder import Folder
from connector.contract.spoil import spoiled
from connector.contract.suite import promises

EXAMPLE = Path(__file__).parent / "contract_example"
FAULTS: list[dict[str, str]] = yaml.safe_load((EXAMPLE / "faults.yaml").read_text(encoding="utf-8"))


def copied(place: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE / "acme", place / "acme", ignore=shutil.ignore_patterns("__pycache__")))


def edit(file: Path, was: str, becomes: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert was in text, "the fault has nothing to stand on"
    file.write_text(text.replace(was, becomes), encoding="utf-8")


def rewrite(file: Path, change: Callable[[Any], Any]) -> None:
    """Change a fixture in place; `change` may answer None after altering what it was given."""
    said = json.loads(file.read_text(encoding="utf-8"))
    made = change(said)
    file.write_text(json.dumps(said if made is None else made), encoding="utf-8")


def sign(made: str, said: Any) -> None:
    said["headers"]["x-acme-signature"] = made


def complaint(folder: Path, check: str) -> str:
    """What the check says about the folder; "" when it is content with every fixture."""
    found = [(run, subject) for _, run, subject in promises(Folder(folder)) if run.__name__ == check]
    assert found, f"there is no check {check}"
    for run, subject in found:
        try:
            run(subject)
        except AssertionError as error:
            return str(error)
    return ""


@pytest.mark.parametrize("fault", FAULTS, ids=[fault["fault"] for fault in FAULTS])
def test_a_fault_in_the_adapter_is_caught(tmp_path: Path, fault: dict[str, str]) -> None:
    folder = copied(tmp_path)
    assert not complaint(folder, fault["caught_by"])
    other = copied(tmp_path / "faulty")
    edit(other / "adapter.py", fault["was"], fault["becomes"])
    assert complaint(other, fault["caught_by"])


def test_every_check_is_shown_to_fail() -> None:
    source = Path(__file__).read_text(encoding="utf-8") + (EXAMPLE / "faults.yaml").read_text(encoding="utf-8")
    checks = {check.__name__ for _, check, _ in promises(Folder(EXAMPLE / "acme"))}
    assert not [name for name in sorted(checks) if name not in source]


def test_a_signature_over_part_of_the_body_is_caught(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    edit(folder / "adapter.py", "delivery.body, hashlib", "delivery.body[:20], hashlib")
    assert "wanted no error" in complaint(folder, "a_good_delivery_verifies")
    for webhook in (folder / "fixtures" / "webhook").iterdir():  # the author signs the fixtures in the same wrong way
        made = hmac.new(b"hook-secret-0001", (webhook / "body.raw").read_bytes()[:20], hashlib.sha256).hexdigest()
        rewrite(webhook / "delivery.json", functools.partial(sign, made))
    assert "bit flipped in byte 21" in complaint(folder, "a_forged_delivery_is_refused")


SIGNED_FIELDS = """
        try:
            body = Raw.parse(delivery.body)
            sent, said = body["signature"].text(), body["token"].text()
        except Malformed:
            raise BadSignature("acme: no signature") from None
        for secret in filter(None, secrets):
            want = hmac.new(secret.encode(), said.encode(), hashlib.sha256).hexdigest()
            if hmac.compare_digest(sent.encode(), want.encode()):
                return
        raise BadSignature("acme: no secret of ours made this signature")
"""
SECRET_PATH = """
        for secret in filter(None, secrets):
            if hmac.compare_digest(delivery.tail.encode(), secret.encode()):
                return
        raise BadSignature("acme: no secret of ours is in the path")
"""


def verifying(folder: Path, way: str) -> None:
    """Let the invented platform sign in another way."""
    file = folder / "adapter.py"
    source = file.read_text(encoding="utf-8").replace("import BadSignature,", "import BadSignature, Malformed,")
    head, _, rest = source.partition('        sent = delivery.headers.get("x-acme-signature"')
    tail = rest[rest.index("    def identify") :]
    file.write_text(f"{head}{way[1:]}\n{tail}", encoding="utf-8")


VERIFIES = ("a_good_delivery_verifies", "a_forged_delivery_is_refused", "a_garbled_delivery_raises_nothing_else")


def test_signatures_inside_the_body_are_judged_field_by_field(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    verifying(folder, SIGNED_FIELDS)
    shutil.rmtree(folder / "fixtures" / "webhook" / "opened")
    ping = folder / "fixtures" / "webhook" / "ping"
    made = hmac.new(b"hook-secret-0001", b"t-1", hashlib.sha256).hexdigest()
    (ping / "body.raw").write_text(json.dumps({"event": "ping", "token": "t-1", "signature": made}), encoding="utf-8")
    signs = {"signs": "fields", "signed": ["$.signature", "$.token"], "headers": {}}
    rewrite(ping / "delivery.json", lambda said: said | signs)
    assert [complaint(folder, check) for check in VERIFIES] == ["", "", ""]
    rewrite(ping / "delivery.json", lambda said: said | {"signed": ["$.event"]})
    assert "$.event" in complaint(folder, "a_forged_delivery_is_refused")
    rewrite(ping / "delivery.json", lambda said: said | {"signed": []})
    assert "`signed` lists" in complaint(folder, "a_forged_delivery_is_refused")


def test_a_secret_in_the_path_is_judged_by_the_path(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    verifying(folder, SECRET_PATH)
    for webhook in (folder / "fixtures" / "webhook").iterdir():
        rewrite(webhook / "delivery.json", lambda said: said | {"signs": "path", "tail": "hook-secret-0001"})
    assert [complaint(folder, check) for check in VERIFIES] == ["", "", ""]
    faulty = copied(tmp_path / "faulty")
    verifying(
        faulty,
        SECRET_PATH.replace("hmac.compare_digest(delivery.tail.encode(), secret.encode())", "delivery.tail in secret"),
    )
    for webhook in (faulty / "fixtures" / "webhook").iterdir():
        rewrite(webhook / "delivery.json", lambda said: said | {"signs": "path", "tail": "hook-secret-0001"})
    assert "tail ''" in complaint(faulty, "a_forged_delivery_is_refused")


def test_form_bodies_are_spoiled_pair_by_pair() -> None:
    body = b"type=subscribe&data%5Bemail%5D=jane%40example.org"
    made = list(spoiled(body, {"Content-Type": "application/x-www-form-urlencoded"}))
    for wanted in (b"type=subscribe", b"type=&data%5Bemail%5D=jane%40example.org", b"type=subscribe&data%5Bemail%5D=x"):
        assert wanted in made
    assert list(spoiled(body, {"content-type": "application/json"})) == made[:10]


def test_spoiled_bodies_are_the_same_each_time_and_not_too_many() -> None:
    whole = {"data": [{f"field{n}": {"id": n, "name": "x"} for n in range(200)}], "next": None}
    body = json.dumps(whole).encode()
    made = list(spoiled(body))
    assert made == list(spoiled(body))
    assert 300 < len(made) < 700
    assert json.dumps({"data": whole["data"]}).encode() in [
        json.dumps(json.loads(each)).encode() for each in made[10:30]
    ]


def test_a_long_file_is_caught(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (folder / "mapping.py").write_text("\n" * 301, encoding="utf-8")
    assert "301 lines" in complaint(folder, "files_are_small")


@pytest.mark.parametrize(
    "line", ["from .adapter import Acme", "from connector.raw import Raw", "from connector.client import Client"]
)
def test_a_sandbox_that_borrows_from_its_adapter_is_caught(tmp_path: Path, line: str) -> None:
    folder = copied(tmp_path)
    edit(folder / "sandbox.py", "from connector.sandbox import CASES", f"from connector.sandbox import CASES\n{line}")
    assert "sandbox.py" in complaint(folder, "imports_only_its_port")


def test_a_readme_without_a_section_or_a_date_is_caught(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    edit(folder / "README.md", "(https://docs.acme.example/keys, read 2026-11-20)", "(https://docs.greenhouse.io/keys)")
    assert "without the date" in complaint(folder, "the_readme_says_what_bites")
    edit(folder / "README.md", "## Scopes", "## Permissions")
    assert "Scopes" in complaint(folder, "the_readme_says_what_bites")


def test_fixtures_of_unknown_origin_are_caught(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    edit(folder / "fixtures" / "ORIGIN.md", "2026-11-20", "once")
    assert "no date" in complaint(folder, "fixtures_state_their_origin")


def test_a_real_address_in_a_fixture_is_caught(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    edit(folder / "fixtures" / "pull" / "applications" / "1.json", "p1@example.org", "p1@some-company.co.uk")
    assert "some-company.co.uk" in complaint(folder, "fixtures_hold_only_example_people")


def test_two_bodies_that_contradict_each_other_are_caught(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    edit(folder / "fixtures" / "pull" / "applications" / "1.json", '"p2"', '"p7"')
    assert "candidate is" in complaint(folder, "the_same_thing_maps_to_the_same_record")


def test_a_declared_verb_without_its_fixture_is_caught(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    shutil.rmtree(folder / "fixtures" / "push" / "notify")
    assert "notify" in complaint(folder, "everything_declared_has_a_fixture")


def test_an_again_that_writes_is_caught(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    push = folder / "fixtures" / "push" / "add_tag"
    shutil.copy(push / "first.json", push / "again.json")
    assert "writes" in complaint(folder, "a_second_push_writes_nothing")


def test_an_unsigned_delivery_needs_a_door_that_says_so(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    rewrite(folder / "fixtures" / "webhook" / "ping" / "delivery.json", lambda said: said | {"secrets": []})
    assert "unsigned" in complaint(folder, "a_good_delivery_verifies")


def test_an_expected_file_that_says_something_else_is_caught(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    expected = folder / "fixtures" / "webhook" / "opened" / "expected.json"
    rewrite(expected, lambda said: said["records"].clear())
    assert "wanted 0, came 1" in complaint(folder, "a_delivery_reads_as_expected")
    rewrite(expected, lambda said: said | {"records": [{"record": "application"}]})
    assert "expected.json" in complaint(folder, "a_delivery_reads_as_expected")


def test_an_outside_author_runs_it_by_path(tmp_path: Path) -> None:
    """In a fresh process, from another directory, without installing the folder."""
    folder = copied(tmp_path)
    good = outside(tmp_path, str(folder), "-q")
    assert good.returncode == 0, good.stdout + good.stderr
    assert " passed" in good.stdout
    edit(folder / "adapter.py", "in filter(None, secrets)", "in secrets[:1]")
    bad = outside(tmp_path, str(folder), "-q")
    assert bad.returncode == 1
    assert "a_good_delivery_verifies" in bad.stdout


def test_an_installed_package_is_found_by_its_entry_point(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    told = tmp_path / "keepwarm_acme-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: keepwarm-acme\nVersion: 1.0\n", encoding="utf-8")
    (told / "entry_points.txt").write_text("[keepwarm.adapters]\nacme = acme.adapter:ADAPTER\n", encoding="utf-8")
    for asked in ((), ("acme",)):
        good = outside(tmp_path, *asked)
        assert good.returncode == 0, good.stdout + good.stderr
    edit(folder / "README.md", "## Scopes", "## Permissions")
    assert "the_readme_says_what_bites" in outside(tmp_path).stdout


def test_asking_for_nothing_that_exists_says_what_to_do(tmp_path: Path) -> None:
    missing = outside(tmp_path, "nowhere")
    assert missing.returncode != 0
    assert "neither a folder with adapter.py nor an entry point" in missing.stdout + missing.stderr


def outside(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "connector.contract", *arguments]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=60, check=False)
