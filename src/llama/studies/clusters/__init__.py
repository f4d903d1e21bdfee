"""Who draws the blocks of a study: processes here, or Dask's workers on other machines. What is typed becomes a value
(`asked`, the first thing to read), and `starting` makes a workforce of it, an `Executor` like that of a pool
(`executor`); `deployers` has how each kind of cluster is started.
"""

from __future__ import annotations

from llama.studies.clusters.asked import LOCAL, Cluster, read_cluster
from llama.studies.clusters.errors import BlockLost, ClusterError
from llama.studies.clusters.starting import Start, Workforce, answers, here, submit_file, workforce

__all__ = [
    "LOCAL",
    "BlockLost",
    "Cluster",
    "ClusterError",
    "Start",
    "Workforce",
    "answers",
    "here",
    "read_cluster",
    "submit_file",
    "workforce",
]
