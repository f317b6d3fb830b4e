"""Names in other languages."""

import pytest

from jaxdoodle.submissions.reading.words import english


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("capa_adelante", "capa_forward"),
        ("rückwärts", "backward"),
        ("perdida_y_gradientes", "loss_y_gradients"),
        ("qianxiang", "forward"),
        ("coûtMoyen", "costMoyen"),
        ("rétropropagation", "backward"),
        ("Verlust", "loss"),
        ("groessen", "sizes"),
        ("dout_travers", "dout_travers"),  # a part of a word is no word
        ("conv2d_forward", "conv2d_forward"),
    ],
)
def test_known_words_are_put_in_english(name, plain):
    assert english(name) == plain


def test_layers_and_losses_with_names_in_another_language_are_found(checked):
    text = """
        class Capa:
            def __init__(self, pesos): self.pesos = pesos
            def adelante(self, x):
                self.x = x
                return x @ self.pesos
            def atras(self, d):
                self.d_pesos = self.x.T @ d
                return d @ self.pesos.T

        def perdida_y_gradiente(w, x, y):
            e = x @ w - y
            perdida = (e**2).mean()
            gradiente = 2 * x.T @ e / e.size
            return perdida, gradiente

        def vorwaerts(x, w): return np.tanh(x @ w), (x, w)
        def rueckwaerts(d, kasse):
            x, w = kasse
            dz = d * (1 - np.tanh(x @ w) ** 2)
            return dz @ w.T, x.T @ dz

        if __name__ == "__main__":
            Capa(np.arange(6.0).reshape(3, 2)).adelante(np.ones((4, 3)))
    """
    found = checked(text)
    assert sorted(found.values()) == ["right"] * 3 and {"Capa", "backward"} < {*found}
    wrong = checked(text.replace("self.x.T @ d", "2 * self.x.T @ d").replace("2 * x.T @ e", "x.T @ e"))
    assert wrong["Capa"] == "pesos" and sorted(wrong.values())[-1] == "w"
