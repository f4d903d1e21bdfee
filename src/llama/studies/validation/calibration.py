"""Posterior calibration: of the events said to be real with probability p, a fraction p is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llama.studies.blocks import Blocks
from llama.studies.validation.check import Cell, Check, PageTable, verdict
from llama.studies.validation.evaluate import MOST_APART
from llama.studies.validation.inputs import CheckInputs
from llama.studies.validation.plots import calibration_plot
from llama.studies.validation.statements import (
    CAPPED,
    COMMON,
    KINDS,
    LEAST_B,
    NEUTRINO,
    PLAIN,
    REAL,
    Tallies,
    models,
    tally_model,
)
from llama.studies.validation.tally import LEAST_VARIANCE, Bins, Tally

Z_LIMIT = 4.0
QUANTITIES = {
    COMMON: "P(H_s): the merger is real and gave at least one of the neutrinos",
    REAL: "p_astro': the merger is real, given the neutrinos",
    NEUTRINO: "P(real neutrino): a neutrino near the map is astrophysical, the merger's or not",
}
Found = Mapping[tuple[str, str], Tallies]
"""Tallies of each population and kind of model."""


def draw(inputs: CheckInputs, seed: int, events: Mapping[str, int], by: Blocks) -> Found:
    """So many events of each kind of model, shared by the populations."""
    share = {kind: -(-count // len(inputs.populations)) for kind, count in events.items()}
    return {
        (population.name, kind): tally_model(inputs, seed, share[kind], model, by)
        for population in inputs.populations
        for kind, model in models(population, inputs).items()
        if share.get(kind)
    }


def check_calibration(inputs: CheckInputs, seed: int, events: Mapping[str, int], by: Blocks) -> Check:
    """Every population and kind of model."""
    return judge(draw(inputs, seed, events, by), events)


def judge(found: Found, events: Mapping[str, int]) -> Check:
    """The verdict on tallies."""
    bins = {(*key, name): tallies[name, PLAIN].bins() for key, tallies in found.items() for name in QUANTITIES}
    whole = {
        (kind, name): Tally.total(tallies[name, PLAIN] for (_, of), tallies in found.items() if of == kind)
        for kind in dict.fromkeys(kind for _, kind in found)
        for name in QUANTITIES
    }
    judged = [one for one in whole.values() if one.judged]
    worst = max((one.worst for one in bins.values()), default=0.0)
    worst_sum = max((abs(one.z) for one in judged), default=0.0)
    count = sum(one.judged for one in bins.values()) + len(judged)
    drawn = ", ".join(f"{number:,} {kind}" for kind, number in events.items() if number)
    return Check(
        name="calibration",
        title="Posterior calibration",
        question="Of the events, mergers and neutrinos said to be real with probability p, is a fraction p real?",
        criterion=f"|z| ≤ {Z_LIMIT:g} in every bin of the stated probability that has Σp(1−p) ≥ "
        f"{LEAST_VARIANCE:g}, and in all bins of all populations together, for three probabilities and {len(KINDS)} "
        "kinds of model, where no neutrino lies above all background energies",
        value=f"worst |z| = {worst:.2f} of {sum(one.judged for one in bins.values())} bins, {worst_sum:.2f} of "
        f"{len(judged)} sums; events: {drawn}" + _not_judged(whole),
        verdict=verdict(count, int(worst > Z_LIMIT) + int(worst_sum > Z_LIMIT)),
        limits="Events are drawn from the model, so this shows that the computation is the model's posterior, not "
        "that the model is true of nature: not its rates, its energy spectrum or the response of the detector. "
        "Strangers are drawn as sources, of which those that give exactly one neutrino count, as the model has it. "
        f"Of lists with more than {MOST_APART} neutrinos that hang together the neutrinos are not stated one by one. "
        "Angular errors are the sample's, the same for signal and background. Neutrinos for which B is certainly "
        f"below {LEAST_B:g} are left out before the kernel is asked. Above all background energies the cap decides, "
        "not the model (choice A12): lists with such a neutrino within reach are counted apart, and not judged.",
        plots=(
            calibration_plot(
                {(kind, name): one.bins() for (kind, name), one in whole.items()}, list(QUANTITIES), Z_LIMIT
            ),
        ),
        tables=(_sums(whole), _summary(found), *_details(bins)),
    )


def _not_judged(whole: Mapping[tuple[str, str], Tally]) -> str:
    """What too few events were drawn for, in words."""
    few = [f"{name} ({kind})" for (kind, name), one in whole.items() if not one.judged]
    return f"; too few to judge: {', '.join(few)}" if few else ""


def _sums(whole: Mapping[tuple[str, str], Tally]) -> PageTable:
    """All populations and bins together."""
    rows: list[tuple[Cell, ...]] = [
        (kind, name, int(one.count.sum()), round(float(one.stated.sum()), 1), int(one.true.sum()),
         round(float(one.variance.sum()), 1), round(one.z, 2) if one.judged else "not judged",
         f"{2.718281828 ** (Z_LIMIT / one.variance.sum() ** 0.5):.2f}" if one.judged else "")
        for (kind, name), one in whole.items()
    ]  # fmt: skip
    columns = ("model", "probability of", "statements", "expected true", "true", "Σp(1−p)", "z", "odds off by")
    kinds = "; ".join(f"{kind}: {KINDS[kind]}" for kind in dict.fromkeys(kind for kind, _ in whole))
    caption = (
        "All bins and populations together; expected is the sum of the stated probabilities. The last column is the "
        f"factor on all odds of that row that would bring |z| to {Z_LIMIT:g}, about. {kinds}."
    )
    return PageTable(caption, columns, tuple(rows))


def _summary(found: Found) -> PageTable:
    rows: list[tuple[Cell, ...]] = []
    for (population, kind), tallies in found.items():
        for (name, which), tally in tallies.items():
            bins = tally.bins()
            judged: tuple[Cell, Cell] = (bins.judged, round(bins.worst, 2) if bins.judged else "")
            if which == CAPPED:
                judged = ("not judged", "")
            what = f"{name}, capped energies" if which == CAPPED else name
            rows.append((population, kind, what, int(tally.count.sum()), round(float(tally.stated.sum()), 1),
                         int(tally.true.sum()), *judged))  # fmt: skip
    columns = ("population", "model", "probability of", "statements", "expected true", "true", "bins", "worst |z|")
    meaning = "; ".join(f"{name}: {what}" for name, what in QUANTITIES.items())
    return PageTable(f"By population. {meaning}.", columns, tuple(rows))


def _details(found: Mapping[tuple[str, str, str], Bins]) -> Sequence[PageTable]:
    columns = ("mean stated", "fraction true", "statements", "z")
    tables = []
    for (population, kind, name), bins in found.items():
        mean, true = bins.stated / bins.count, bins.true / bins.count
        rows = zip(mean.tolist(), true.tolist(), bins.count.astype(int).tolist(), bins.z.tolist(), strict=True)
        shown = tuple((float(f"{a:.4g}"), float(f"{b:.4g}"), n, round(z, 2)) for a, b, n, z in rows)
        tables.append(PageTable(f"{name}, {population}, {kind}: by bin of the stated probability", columns, shown))
    return tables
