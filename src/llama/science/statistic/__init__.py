"""The odds that messengers share a source: what was observed (`observed`), what is ready before neutrinos come
(`prepared`), the coincidence of a merger and a neutrino (`kernel`, the first thing to read) and the same for any
number of lists (`lists`), several neutrinos (`ensemble`), several messengers (`many`), and the search of the second
observing run for comparison (`o2`)."""

from __future__ import annotations

from llama.science.statistic import o2
from llama.science.statistic.against import AgainstBackground, Host
from llama.science.statistic.ensemble import joint_terms, largest_pairs, single_log_b, single_terms
from llama.science.statistic.events import EventStatistic
from llama.science.statistic.hypotheses import LogWeights
from llama.science.statistic.kernel import (
    CoincidenceResult,
    coincidence,
    most_probable_direction,
)
from llama.science.statistic.lists import (
    ListStatistics,
    ListTerms,
    NeutrinoLists,
    list_statistics,
    log_stranger_rate,
    merger_host,
    rate_hz,
)
from llama.science.statistic.many import CompanyResult, SetResult, Silence, company, everyone_silent
from llama.science.statistic.o2 import O2Neutrino, o2_search
from llama.science.statistic.observed import LEAST_SIGMA_RAD, GWTrigger, Neutrinos
from llama.science.statistic.pairs import PairBounds, within_lists
from llama.science.statistic.prepared import Prepared, mean_distance_mpc, prepare
from llama.science.statistic.timing import gw_window_s, log_time_density, neutrino_window_s, search_window_s

__all__ = [
    "LEAST_SIGMA_RAD",
    "AgainstBackground",
    "CoincidenceResult",
    "CompanyResult",
    "EventStatistic",
    "GWTrigger",
    "Host",
    "ListStatistics",
    "ListTerms",
    "LogWeights",
    "NeutrinoLists",
    "Neutrinos",
    "O2Neutrino",
    "PairBounds",
    "Prepared",
    "SetResult",
    "Silence",
    "coincidence",
    "company",
    "everyone_silent",
    "gw_window_s",
    "joint_terms",
    "largest_pairs",
    "list_statistics",
    "log_stranger_rate",
    "log_time_density",
    "mean_distance_mpc",
    "merger_host",
    "most_probable_direction",
    "neutrino_window_s",
    "o2",
    "o2_search",
    "prepare",
    "rate_hz",
    "search_window_s",
    "single_log_b",
    "single_terms",
    "within_lists",
]
