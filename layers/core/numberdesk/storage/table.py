"""The order table: one object made of its aggregates, and where the items of each lie.

    item                      pk                                   sk
    order                     ORDER#<order id>                     ORDER
    what it asks for          ORDER#<order id>                     ORDER#REQUEST
    its numbers, 250 a page   ORDER#<order id>                     NUMBERS#<page, 4 digits>#<version, 10 digits>.<hash>
    a long field, in pages    ORDER#<order id>                     ORDER#PAGE#<field>#<page, 4 digits>#<version, 10 digits>.<hash>
    ledger entry              ORDER#<order id>                     LEDGER#<version, 10 digits>.<position, 3 digits>
    refusal of a message      ORDER#<order id>                     LEDGER#refused.<queue message id>
    receipt of a webhook      ORDER#<order id>                     RECEIPT#<webhook id>
    its being on a list       ORDER#<order id>                     LIST#<list's short name>
    order message             ORDER#<order id>                     PERSONAL#MESSAGE
    reviewer's comment        ORDER#<order id>                     PERSONAL#COMMENT#<provider's comment id>
    what lies with an operation  ORDER#<order id>                     PERSONAL#OPERATION#<operation id>
    file of an order          ORDER#<order id>                     PERSONAL#UPLOAD#<file id>
    webhook                   ORDER#<order id>                     PERSONAL#WEBHOOK#<when it came>#<webhook id>  expires
    webhook of no order       UNMATCHED#<day it came>              PERSONAL#WEBHOOK#<when it came>#<webhook id>  expires
    that it was kept          RECEIPTS#<day it came>               RECEIPT#<provider>#<account>#<webhook id>   expires
    profile                   PROFILES#<provider>                  PERSONAL#<account>#<country>#<number type>
    file of a profile         UPLOADS#<2 of its id's SHA-256>      PERSONAL#UPLOAD#<file id>
    claim of a purchase       CLAIM#<provider>#<account>#<id>      CLAIM
    lock on a content         LOCK#<provider>#<account>#<SHA-256>  LOCK
    our reference             REFERENCE#<reference>                REFERENCE
    account, or name of one   ACCOUNTS                             <provider>#<account>
    account's pause           ACCOUNT#<provider>#<account>         STATE
    account's call slot       ACCOUNT#<provider>#<account>         SLOT
    sums of account's day     ACCOUNT#<provider>#<account>         SPENT#<day>                                 expires
    account's comparison      ACCOUNT#<provider>#<account>         INVENTORY
    account's ledger          ACCOUNT#<provider>#<account>         LEDGER#<instant>.<kind>
    what an account holds     HOLDINGS#<provider>#<account>#<0-7>  <number or keyword>#<order id>
    gate of placing           DESK#placing                         GATE
    ledger of placing         DESK#placing                         LEDGER#<position>
    key of paging tokens      DESK#paging                          KEY
    refusal without order id  MESSAGE#<queue message id>           LEDGER#refused.<queue message id>
    messages told to people   NOTIFIED#<since when>                  COUNT#<whose>                               expires
    left to a sum of them     NOTIFIED#HELD                          <when it is due>#<event id>

Every item that is written whole bears its schema version, `v` (`domain.schema.ROWS`). One without it has the first.

What is personal lies under `PERSONAL#` and nowhere else, so that it can be erased by itself.

Indexes (all sparse, keys only, spread over shards so that no partition is hot):
    wake          wake_shard, wake_at                 orders with something due, by kind and when
    unpublished   unpublished_shard, unpublished_at   ledger entries whose event is not on the bus yet
    lists         list_pk, list_sk                    orders on lists: the list's shard, and the place in it

An order is what its row says. The row names the pages with its numbers and with every other field that has grown beyond
`pages.FIELD_BYTES`; one query reads them all. A page that is named is never written again, and one that is missing was
replaced by a commit in between, so the reader reads again. Pages that the row does not name count for nothing; see `Orders.commit` for where they come from and where they
go. Instants are text of fixed width (see `domain.model.instant_text`), so that their order is time's order.

An order is on a list by an item of its own, written in the order's transaction and only where it differs: an order that
does not move keeps its one place, whatever is written of it. What a page of a list shows of an order is its row at that moment.
"""

from __future__ import annotations

from numberdesk.storage.holdings import Holdings
from numberdesk.storage.ledger import Ledger
from numberdesk.storage.lists import Lists
from numberdesk.storage.notices import Notices
from numberdesk.storage.orders import Orders
from numberdesk.storage.personal import Personal
from numberdesk.storage.profiles import Profiles
from numberdesk.storage.webhooks import Webhooks


class Table(Orders, Ledger, Lists, Webhooks, Personal, Holdings, Profiles, Notices):
    """The order table behind the desk's own words (`services.stores`)."""
