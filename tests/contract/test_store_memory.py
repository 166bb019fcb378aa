from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.store_cases import StoreContract, create
from tests.support.memory_store import MemoryStore

if TYPE_CHECKING:
    from tests.contract.store_cases import Store


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()

    def test_erased_message_is_none(self, store: Store) -> None:
        assert isinstance(store, MemoryStore)
        create(store)
        del store.messages["order-1"]
        assert store.message("order-1") is None
