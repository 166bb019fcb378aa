"""All seeded faults."""

from tests.mutants import domain, edges, providers, services, storage

MUTANTS = (*services.MUTANTS, *storage.MUTANTS, *providers.MUTANTS, *domain.MUTANTS, *edges.MUTANTS)
