"""Logger and metrics of every function except the receiver."""

from __future__ import annotations

import warnings

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric

logger = Logger()
metrics = Metrics()
# Most runs have nothing to count: metrics are written only for trouble.
warnings.filterwarnings("ignore", "No application metrics to publish")


_TROUBLES = frozenset(
    {
        "EventsLeft",
        "InventoryDifferences",
        "LargestRowBytes",
        "OrdersUnknown",
        "ProviderAccountBlocked",
        "UnreadableRows",
    }
)
"""What needs a person each time that it is counted. They have one alarm together, on one metric: AWS bills each metric of each alarm."""


class PowertoolsMeter:
    """Implements `services.ports.Meter` with Powertools Metrics."""

    def count(self, name: str, value: float = 1, *, provider: str | None = None) -> None:
        """Add to a metric; the unit of names ending in `Seconds` or `Bytes` is that. With a provider it is that provider's own metric."""
        units = {"Seconds": MetricUnit.Seconds, "Bytes": MetricUnit.Bytes}
        unit = next((unit for end, unit in units.items() if name.endswith(end)), MetricUnit.Count)
        if name in _TROUBLES:
            metrics.add_metric(name="Troubles", unit=MetricUnit.Count, value=1)
        if provider is None:
            metrics.add_metric(name=name, unit=unit, value=value)
            return
        with single_metric(name=name, unit=unit, value=value) as metric:
            metric.add_dimension(name="provider", value=provider)
