"""The flags of an event, as they are set and as they are read from a journal."""

from __future__ import annotations

from typing import Any

import pytest

from llama.flags import PRESETS, RULES, Flags


def test_flags_must_exist() -> None:
    with pytest.raises(ValueError, match="no flag called colour"):
        Flags().replace({"colour": True})
    with pytest.raises(ValueError, match="flag upload must be true or false"):
        Flags().replace({"upload": "perhaps"})


def test_what_was_recorded_is_read_back() -> None:
    for flags in PRESETS.values():
        assert Flags.of(dict(flags)) == flags == dict(flags)
    assert Flags.of({}) == Flags()
    assert Flags.of({"colour": "red", "upload": True}) == Flags(upload=True)


@pytest.mark.parametrize("odd", [{"role": "rehearsal"}, {"upload": "perhaps"}, {"manual": "sometimes"}])
def test_with_a_value_of_a_later_version_nothing_is_let_out(odd: dict[str, Any]) -> None:
    recorded = {**PRESETS["TRIGGERED_PUBLIC"], "blinded_neutrinos": True, "vetoed": True, **odd}
    assert Flags.of(recorded) == Flags(blinded_neutrinos=True, vetoed=True)


def test_the_engine_is_told_which_flag_vetoes() -> None:
    assert RULES.vetoing(Flags(vetoed=True)) == "vetoed"
    assert [RULES.vetoing(flags) for flags in PRESETS.values()] == [None] * len(PRESETS)
