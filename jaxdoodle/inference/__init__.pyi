from jaxdoodle.inference.model import Model as Model
from jaxdoodle.inference.predictions import PageDrawing as PageDrawing
from jaxdoodle.inference.predictions import PagePrediction as PagePrediction
from jaxdoodle.inference.predictions import Prediction as Prediction
from jaxdoodle.inference.predictions import Row as Row
