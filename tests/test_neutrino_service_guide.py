"""The guide to neutrino services: its example is an answer, its schema fits what is served, its code runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from llama.services.errors import ServiceError
from llama.services.icecube import read_excerpt
from llama.services.neutrinos.answer import read_answer
from llama.testing import ReferenceService

GUIDES = Path(__file__).resolve().parent.parent / "docs" / "guides"
PAGE = (GUIDES / "neutrino-service.md").read_text(encoding="utf-8")
SCHEMA = json.loads((GUIDES / "neutrino-service.schema.json").read_bytes())
EXAMPLE = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)[0]


def test_the_example_is_an_answer() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(json.loads(EXAMPLE), SCHEMA)
    answer = read_answer(lambda _: EXAMPLE.encode(), 1007103835.0, 1007104835.0, "the guide")
    assert len(answer.rows) == 1 and answer.livetime is not None and not answer.outside


def test_what_is_served_fits_the_schema() -> None:
    excerpt = read_excerpt(Path(__file__).parents[1] / "src/llama/data/demo/icecube_excerpt.csv")
    service = ReferenceService(excerpt, page_size=3)
    query = {"start_gps": "1011973240.0", "stop_gps": "1011974140.0"}
    for more in ({}, {"page": "3"}):
        status, page = service.answer(query | more)
        assert status == 200
        jsonschema.validate(page, SCHEMA)
    service.livetime_until_gps = None
    jsonschema.validate(service.answer(query)[1], SCHEMA)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("run", -1),
        ("ra_deg", 400),
        ("dec_deg", 91),
        ("sigma_deg", 0),
        ("energy_gev", 0),
        ("type", "gold"),
        ("mjd", "x"),
    ],
)
def test_schema_and_code_refuse_the_same(where: str, value: object) -> None:
    page = json.loads(EXAMPLE)
    page["neutrinos"][0][where] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(page, SCHEMA)
    with pytest.raises(ServiceError, match=where):
        read_answer(lambda _: json.dumps(page).encode(), 1007103835.0, 1007104835.0, "it")


def test_schema_and_code_want_the_same_fields() -> None:
    for kind, fields in {"": SCHEMA["required"], "neutrinos": SCHEMA["$defs"]["neutrino"]["required"]}.items():
        for name in fields:
            page = json.loads(EXAMPLE)
            del (page[kind][0] if kind else page)[name]
            with pytest.raises(ServiceError, match=r"malformed|speaks the protocol"):
                read_answer(lambda _, page=page: json.dumps(page).encode(), 1007103835.0, 1007104835.0, "it")


@pytest.mark.component
def test_the_code_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(compile(code, "neutrino-service.md", "exec"), {})
