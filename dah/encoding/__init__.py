"""From trained networks to codes and probabilities, and what they tell without target labels."""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "calibration": ["HOTTEST", "calibration_error", "is_far", "tempered"],
        "mixtures": ["mixtures", "partners"],
        "outputs": ["codes_of", "probabilities"],
        "validators": ["validation_figures"],
    },
)
