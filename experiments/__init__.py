"""The reports' systems as experiments: ``python -m experiments`` lists them, with NAME it runs them."""

__all__ = ["NAMES", "PRETRAINED", "REPORTS", "STUDIES"]

REPORTS = (
    "doodle_mlp",
    "digit_cnn",
    "sketch_cnn",
    "mini_mnist_mlp",
    "digit_mlp",
    "digit_mlp_deep",
    "embedded_doodles",
    "worked_example",
)
PRETRAINED = ("digits", "sketches")
STUDIES = (
    "abstention",
    "rendering",
    "preprocessing",
    "pages",
    "time_to_99",
    "few_drawings",
    "new_classes",
    "outliers",
    "several",
    "teach_page",
)
#: Name -> module. It declares ``EXPERIMENT``, or has ``run(out_dir, *, ...) -> exit code`` with its options.
NAMES = {
    name: f"experiments.{folder}.{name}"
    for folder, names in (("reports", REPORTS), ("pretrained", PRETRAINED), ("studies", STUDIES))
    for name in names
}
