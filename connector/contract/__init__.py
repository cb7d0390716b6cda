"""The suite every adapter passes; run it over your own folder before you show it to anyone.

    python -m connector.contract path/to/your/folder
    python -m connector.contract                       (every installed `keepwarm.adapters` entry point)

which is `python -m pytest -p connector.contract.plugin --pyargs connector.contract --adapter …`. It needs pytest.

An entry point of the group `keepwarm.adapters` names the class: `acme = "keepwarm_acme.adapter:ADAPTER"`. A folder
given by its path is imported as it stands: by its dotted name when it can be imported so, else on its own (then import
relatively inside).

A folder holds `adapter.py` (with `ADAPTER`), `README.md`, perhaps `sandbox.py`, and `fixtures/`:

    ORIGIN.md            for each fixture: recorded where, or constructed from which document, read when
    connection.json      {"options": {...}, "secrets": {...}, "base_url"?: "https://…"}
    webhook/<scenario>/  body.raw (exact bytes) · delivery.json · expected.json
    pull/<stream>/       ask.json · 1.json, 2.json, … (one or several exchanges a page) · expected.json
    fetch/<kind>/        ask.json · exchanges.json · expected.json
    push/<verb>/         actions.json · first.json · again.json · receipts.json

The account is always `acme`. Inside:

    delivery.json   {"headers": {}, "tail": "", "secrets": [], "received_at": iso, "signs"?: "body" | "fields" | "path"}
                    `signs`: what the signature covers. "fields": it stands in the body and covers `"signed": ["$.path"]`.
    expected.json   webhook: {"records": [], "hints": [{"ref": [account, kind, id], "why": ""}], "spoiled": [], "note": ""}
                    pull and fetch: the records of all pages, in order
    exchange        {"request": {"method", "path", "query": [[key, value]], "json" | "form" | "text": the body},
                     "response": {"status", "headers", "body"}}; a body that is not text is sent as JSON
    actions.json    [{"key", "account", "verb", "subject", "args"}]
    receipts.json   [{"key", "ref", "already"}], or {"key", "error": "Suppressed"} where the recorded answer refuses

A push fixture without `again.json` says why in `NOT_IDEMPOTENT.md`; then its ambiguous failures must be in doubt.
Any scenario may hold its own `connection.json`; its options and secrets are laid over the folder's.
"""
