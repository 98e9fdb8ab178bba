"""What a run found, for people: tables, pictures, one page."""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "facts": ["facts"],
        "headline": ["headline"],
        "overview": ["HEADLINE"],
        "page": ["page"],
        "tables": ["ABSENT", "aligned", "column_of", "decimals", "text_tables"],
    },
)
