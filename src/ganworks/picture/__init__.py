"""Pictures for a person: of samples while a generator trains, and of what an evaluation looks at."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.picture.figures import write_figures
    from ganworks.picture.log import log_pictures
    from ganworks.picture.population import Population
    from ganworks.picture.samples import image_grid, save_image, scatter, to_uint8
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = [
    "Population",
    "image_grid",
    "log_pictures",
    "save_image",
    "scatter",
    "to_uint8",
    "write_figures",
]
