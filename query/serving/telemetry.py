"""What the service counts, for Prometheus. Nothing leaves the machine unless somebody fetches it."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

MEDIA_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The counters of one process; with several workers each answers for itself."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "plotseek_requests_total", "Requests by route and status.", ("route", "status"), registry=registry
        )
        self.seconds = Histogram(
            "plotseek_request_seconds", "From request to answer.", ("route",), buckets=_SECONDS, registry=registry
        )
        self.in_flight = Gauge("plotseek_requests_in_flight", "Requests being answered.", registry=registry)
        self.cached = Counter("plotseek_cache_total", "Repeated questions.", ("result",), registry=registry)
        self.batch = Histogram(
            "plotseek_embedding_batch",
            "Questions embedded together.",
            buckets=(1, 2, 4, 8, 16),
            registry=registry,
        )
        self.embedding = Histogram(
            "plotseek_embedding_seconds", "Time of such a batch.", buckets=_SECONDS, registry=registry
        )
        self.pending = Gauge("plotseek_searches_pending", "Searches running and waiting.", registry=registry)
        self.generation = Gauge("plotseek_catalog_generation", "The generation that answers.", registry=registry)
        self.films = Gauge("plotseek_catalog_films", "Films in it.", registry=registry)
        self.published = Gauge("plotseek_catalog_published_seconds", "When it was published.", registry=registry)
        self.stale = Gauge("plotseek_catalog_stale", "1 while what is published cannot be opened.", registry=registry)

    def count_batch(self, count: int, seconds: float) -> None:
        """So many questions were embedded together."""
        self.batch.observe(count)
        self.embedding.observe(seconds)

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)
