"""A program as its author writes it against an installed jaxdoodle: passes ``mypy --strict``."""

import jax
import numpy as np
from numpy.typing import NDArray

import jaxdoodle as jd

data = jd.load_dataset("doodles", classes="clock,pizza", per_class=60)
layers = (jd.nn.Conv2D(8, 5), jd.nn.ReLU(), jd.nn.MaxPool2D(2), jd.nn.Flatten(), jd.nn.Dense(len(data.classes)))
spec = jd.ModelSpec(layers, input_shape=(28, 28, 1), classes=data.classes)
config = jd.TrainConfig(epochs=2, loss=jd.nn.SoftmaxCrossEntropy(0.1), penalties=(jd.nn.L2(1e-4),))


def train() -> jd.Model:
    result = jd.fit(spec, data.train, data.validation, config)
    score = jd.evaluate(spec, result.params, data.test)
    print(f"{score.correct} of {score.total} right")
    return jd.Model(spec, result.params, data.preprocessing)


def step(params: list[dict[str, jax.Array]], x: jax.Array, labels: jax.Array) -> jax.Array:
    loss_and_grad = jd.value_and_grad(spec, jd.nn.SoftmaxCrossEntropy())
    (loss, aux), grads = loss_and_grad(params, x, labels, key=jax.random.key(0))
    return loss + (aux.logits - jd.apply(spec, params, x)).sum() + grads[0]["b"].sum()


def label_of(model: jd.Model, image: NDArray[np.uint8]) -> str:
    prediction = model.predict(image)
    return prediction.top(1)[0][0] if prediction.label else "nothing"


if __name__ == "__main__":
    model = train()
    model.save("model.npz")
    jd.export(model, "model.html")
    print(label_of(jd.Model.load("model.npz"), data.test.images[0, ..., 0]))
