"""Parse providers' XML, refusing every declaration."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import fromstring

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def parse(body: bytes) -> Element:
    """Parse a document without a document type, entities or external references.

    Raises:
        ValueError: it is not well-formed, or declares one of these. The message holds nothing of the body.
    """
    try:
        root: Element = fromstring(body, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    # An unknown encoding is a LookupError; what defusedxml forbids is a ValueError.
    except (ParseError, LookupError, ValueError) as error:
        raise ValueError(f"not readable XML ({type(error).__name__})") from None
    return root
