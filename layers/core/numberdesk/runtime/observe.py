"""Logger and metrics of every function but the receiver's."""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
metrics = Metrics()


class PowertoolsMeter:
    """Counts with Powertools Metrics (`services.ports.Meter`)."""

    def count(self, name: str, value: float = 1) -> None:
        """Add to a metric; names ending in `Seconds` are seconds."""
        unit = MetricUnit.Seconds if name.endswith("Seconds") else MetricUnit.Count
        metrics.add_metric(name=name, unit=unit, value=value)
