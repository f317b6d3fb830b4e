from jaxdoodle import data as data
from jaxdoodle import formats as formats
from jaxdoodle import gradcheck as gradcheck
from jaxdoodle import inference as inference
from jaxdoodle import metrics as metrics
from jaxdoodle import nn as nn
from jaxdoodle import plots as plots
from jaxdoodle import preprocessing as preprocessing
from jaxdoodle import strokes as strokes
from jaxdoodle import training as training
from jaxdoodle.data.catalog import load_dataset as load_dataset
from jaxdoodle.data.dataset import Dataset as Dataset
from jaxdoodle.formats import export as export
from jaxdoodle.gradcheck.api import assert_gradients_match as assert_gradients_match
from jaxdoodle.gradcheck.api import check as check
from jaxdoodle.inference.model import Model as Model
from jaxdoodle.nn.backprop import value_and_grad as value_and_grad
from jaxdoodle.nn.model import apply as apply
from jaxdoodle.nn.model import init as init
from jaxdoodle.nn.spec import ModelSpec as ModelSpec
from jaxdoodle.preprocessing.config import Preprocessing as Preprocessing
from jaxdoodle.training.config import TrainConfig as TrainConfig
from jaxdoodle.training.evaluation import evaluate as evaluate
from jaxdoodle.training.loop import fit as fit

__version__: str
