"""The metrics in the text format of Prometheus. Imported at the first request for them."""

import itertools
import platform
from collections.abc import Iterator, Mapping
from functools import partial

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Metric,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

import skylogin
from skylogin.metrics import Histogram, Metrics, Numbers

CONTENT_TYPE = CONTENT_TYPE_LATEST


def write(metrics: Metrics, database: str) -> bytes:
    """Return all metrics, added up over the workers. *database* is the kind of the database."""
    metrics.refresh()
    registry = CollectorRegistry()
    registry.register(_AllNumbers(metrics, database))
    return generate_latest(registry)


class _AllNumbers(Collector):
    """What Prometheus's library asks for each family."""

    def __init__(self, metrics: Metrics, database: str) -> None:
        self._metrics = metrics
        self._database = database

    def collect(self) -> Iterator[Metric]:
        """Yield each family."""
        yield _build_info(self._database)
        for family in self._metrics.families:
            if isinstance(family, Histogram):
                yield _histogram(family, self._metrics)
            else:
                yield _numbers(family, self._metrics)
        yield from _processes(self._metrics.process_ids())


def _build_info(database: str) -> Metric:
    facts = {
        "version": skylogin.__version__,
        "python": platform.python_version(),
        "database": database,
    }
    family = GaugeMetricFamily("skylogin_build_info", "What runs here.", labels=[*facts])
    family.add_metric([*facts.values()], 1)
    return family


def _numbers(family: Numbers, metrics: Metrics) -> Metric:
    kind = GaugeMetricFamily if family.kind == "gauge" else CounterMetricFamily
    made = kind(family.name, family.about, labels=family.labels)
    for key, (number,) in family.totals(metrics.rows).items():
        made.add_metric(family.series[key], number)
    return made


def _histogram(family: Histogram, metrics: Metrics) -> Metric:
    """Return a histogram without the series that have no value yet: there may be hundreds."""
    made = HistogramMetricFamily(family.name, family.about, labels=family.labels)
    bounds = [*map(str, family.buckets), "+Inf"]
    for key, (*counts, total) in family.totals(metrics.rows).items():
        if any(counts) or not family.labels:
            buckets = list(zip(bounds, itertools.accumulate(counts), strict=True))
            made.add_metric(family.series[key], buckets, total)
    return made


def _processes(ids: Mapping[int, int]) -> Iterator[Metric]:
    """Yield memory, processor time and files of each worker, if the system reports them."""
    families: dict[str, Metric] = {}
    for worker, process_id in ids.items():
        collector = ProcessCollector(pid=partial(int, process_id), registry=CollectorRegistry())
        for one in collector.collect():
            family = families.setdefault(one.name, Metric(one.name, one.documentation, one.type))
            for sample in one.samples:
                family.add_sample(sample.name, {"worker": str(worker + 1)}, sample.value)
    yield from families.values()
