"""Pictures for a person: of samples while a generator trains, and of what an evaluation looks at."""

from ganworks.picture.figures import write_figures
from ganworks.picture.log import log_pictures
from ganworks.picture.population import Population
from ganworks.picture.samples import image_grid, save_image, scatter, to_uint8

__all__ = [
    "Population",
    "image_grid",
    "log_pictures",
    "save_image",
    "scatter",
    "to_uint8",
    "write_figures",
]
