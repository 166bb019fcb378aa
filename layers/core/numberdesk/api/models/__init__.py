"""What goes in and out of the API, by subject.

Most of what goes out is the domain's own records, as far as they hold no personal data or the caller asked for it.
"""
