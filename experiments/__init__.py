"""The reports' systems as experiments: ``python -m experiments`` lists them, with NAME it runs them."""

NAMES = (
    "doodle_mlp",
    "digit_cnn",
    "sketch_cnn",
    "mini_mnist_mlp",
    "digit_mlp",
    "digit_mlp_deep",
    "embedded_doodles",
    "abstention",
    "rendering",
    "preparation",
    "fast_digits",
    "worked_example",
)
