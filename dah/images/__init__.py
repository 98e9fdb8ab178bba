"""From archives, folders and downloads to squares of pixels; the digits and letters made here."""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "archives": ["Wanted", "is_archive", "member_names", "read_members", "write_tar"],
        "contents": ["NO_IMAGE"],
        "decode": ["DAMAGE", "Picture", "decode", "decode_all"],
        "fetch": ["check_domains", "obtain"],
        "folders": ["read_file"],
        "formats": ["FORMATS", "HEAD", "lacking"],
        "identity": ["opaque_ids", "shuffled"],
        "letters": ["draw_letters"],
        "members": ["passed_over"],
        "named": ["is_allowed", "named_now", "note", "noted", "notes"],
        "pixels": ["Pixels", "listed", "pictures"],
        "places": ["category_of"],
        "thumbnails": ["thumbnail_of"],
    },
)
