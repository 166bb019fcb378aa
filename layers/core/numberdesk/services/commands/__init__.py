"""Commands on orders: what people and applications ask for. Everything is checked, then recorded; sync_order carries it out.

Each command reads the order, says what is wrong or writes what is asked, and begins anew where somebody else wrote the order in
between: of two who supply different values at the same moment one wins and the other is told.
"""

from __future__ import annotations

from numberdesk.services.commands.correspondence import CorrespondenceCommands
from numberdesk.services.commands.money import MoneyCommands
from numberdesk.services.commands.placing import PlacingCommands
from numberdesk.services.commands.requirements import RequirementCommands


class Commands(PlacingCommands, MoneyCommands, RequirementCommands, CorrespondenceCommands):
    """Every command on orders (see `commands.edit.Editor`)."""

    __slots__ = ()
