"""The reports' systems as experiments: ``python -m experiments`` lists them, with NAME it runs them."""

__all__ = ["FOLDERS", "NAMES"]

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
    "ablation",
    "abstention",
    "beside_keras",
    "time_to_99",
    "few_drawings",
    "int8",
    "new_classes",
    "outliers",
    "teach_page",
)
PICTURES = ("rendering", "preprocessing", "pages", "several")
#: Folder -> the modules in it that can be run by their names.
FOLDERS = {"reports": REPORTS, "pretrained": PRETRAINED, "studies": STUDIES, "studies.pictures": PICTURES}
#: Name -> module. It declares ``EXPERIMENT``, or has ``run(out_dir, *, ...) -> exit code`` with its options.
NAMES = {name: f"experiments.{folder}.{name}" for folder, names in FOLDERS.items() for name in names}
