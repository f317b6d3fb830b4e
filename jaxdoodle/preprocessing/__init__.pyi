from jaxdoodle.preprocessing.config import MNIST as MNIST
from jaxdoodle.preprocessing.config import QUICKDRAW as QUICKDRAW
from jaxdoodle.preprocessing.config import Preprocessing as Preprocessing
from jaxdoodle.preprocessing.config import PreprocessingError as PreprocessingError
from jaxdoodle.preprocessing.pipeline import Preprocessed as Preprocessed
from jaxdoodle.preprocessing.pipeline import preprocess as preprocess
from jaxdoodle.preprocessing.render import render_drawing as render_drawing
from jaxdoodle.preprocessing.render import render_drawings as render_drawings
