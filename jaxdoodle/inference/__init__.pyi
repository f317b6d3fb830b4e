from jaxdoodle.inference.model import Model as Model
from jaxdoodle.inference.model import Prediction as Prediction
