"""Product encoder: pictures and titles to unit vectors."""

from stylejax.encoder.parameters import Parameters, encoder_factory, parameters_of
from stylejax.encoder.product import ProductEncoder, present_views

__all__ = ["Parameters", "ProductEncoder", "encoder_factory", "parameters_of", "present_views"]
