"""Whether a file is still what it would be made from, and the difference between then and now in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama.engine.folder import Origin, flag_inputs
from llama.engine.graph import FLAG, FlagRules, Product


def differ(product: Product[Any], origin: Origin, inputs: Mapping[str, str], rules: FlagRules) -> bool:
    """Whether what it would be made from now is something else than what it was made from."""
    before, after = comparable(product, origin, inputs, rules)
    return before != after


def comparable(
    product: Product[Any], origin: Origin, inputs: Mapping[str, str], rules: FlagRules
) -> tuple[dict[str, str], dict[str, str]]:
    """Of the inputs then and now what was declared then and is declared now: an upgrade remakes nothing by itself.

    A flag is compared even if it was not declared then: what it was is known, and to change it is a decision. One of
    a guard that was not there then withheld nothing, so it counts as off: what it is to withhold may be in the file.

    Early journals do not say what was declared. A required input, a table and a flag were there if they were
    declared, so what is absent of these was not. What may be absent (`any_of`, `optional`) may have been declared and
    have appeared since: this counts, since a result that lacks an input is worse than one that is made once more.
    """
    then = declared_then(product, origin)
    guards = [item.product.guard for item in product.all_inputs if item.product.guard is not None]
    nobody, flags = flag_inputs(rules.read({})), flag_inputs(rules.read(origin.flags))
    guarding = {f"{FLAG}{name}" for guard in guards for name in guard.flags}
    off = {key: nobody[key] for key in guarding & nobody.keys()}
    known = {**flags, **off, **{key: told for key, told in origin.inputs.items() if key in then}}
    keys = [key for key in product.declared if key in then or key in flags]
    return {key: known[key] for key in keys if key in known}, {key: inputs[key] for key in keys if key in inputs}


def declared_then(product: Product[Any], origin: Origin) -> frozenset[str]:
    """Keys of all that the product declared when the file was made, as far as its journal tells."""
    may_lack = (item.key for item in (*product.any_of, *product.optional))
    return frozenset({*origin.inputs, *may_lack}) if origin.declared is None else origin.declared


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """The first changes between two sets of inputs, in words."""
    changes = [_change(key, before.get(key), after.get(key)) for key in {**before, **after}]
    found = [change for change in changes if change]
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return ", ".join(found[:3]) + more


def _change(key: str, before: str | None, after: str | None) -> str:
    if before == after:
        return ""
    kind, colon, name = key.partition(":")
    if colon and kind == "flag" and before and after:
        return f"flag {name} changed from {before} to {after}"
    filename, _, fields = key.partition("#")
    what = f"{fields} in {filename}" if fields else f"{kind} {name}" if colon else key
    return f"{what} {'appeared' if before is None else 'is gone' if after is None else 'changed'}"
