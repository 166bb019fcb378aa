"""Logger and metrics of every function but the receiver's."""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric

logger = Logger()
metrics = Metrics()


class PowertoolsMeter:
    """Counts with Powertools Metrics (`services.ports.Meter`)."""

    def count(self, name: str, value: float = 1, *, provider: str | None = None) -> None:
        """Add to a metric; names ending in `Seconds` or `Bytes` are those. With a provider it is a metric of that provider's own."""
        units = {"Seconds": MetricUnit.Seconds, "Bytes": MetricUnit.Bytes}
        unit = next((unit for end, unit in units.items() if name.endswith(end)), MetricUnit.Count)
        if provider is None:
            metrics.add_metric(name=name, unit=unit, value=value)
            return
        with single_metric(name=name, unit=unit, value=value) as metric:
            metric.add_dimension(name="provider", value=provider)
