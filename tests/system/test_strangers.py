"""What people met in other programs that do this job: a sentence each, and the test that fails if it comes here."""

import re
from pathlib import Path

import numpy as np
import pytest

import jaxdoodle as jd
from jaxdoodle.cli import main
from jaxdoodle.cli.check.output import line_of

#: What ought to be -> the name of the test of it.
REPORTS = {
    # training
    "a last batch of one drawing weighs as one drawing in an epoch's loss": (
        "test_training_metrics_are_counts_and_means_over_the_epoch"
    ),
    "a last batch of one drawing does not spoil the running statistics": (
        "test_running_statistics_are_those_of_the_set_whatever_is_left_over_in_the_last_batch"
    ),
    "a seed gives one network whatever JAX's random numbers, precision and 64 bits are set to": (
        "test_a_setting_of_the_process_changes_nothing"
    ),
    "a seed gives one start whatever makes its key": "test_one_seed_gives_one_network_whatever_makes_its_key",
    "more devices than drawings are one line": "test_more_devices_than_drawings_are_refused",
    "an option without effect is refused": "test_an_option_without_effect_is_refused",
    "an unknown network is answered with those there are": (
        "test_a_network_that_is_no_file_is_refused_with_the_nearest_name"
    ),
    "a backend that is not there is one line": "test_a_platform_that_is_not_there_is_one_line",
    "a notebook's backend stops no figure": "test_a_backend_that_is_not_here_draws_nothing_and_stops_nothing",
    "a finished run does not die of what is written after its model": (
        "test_whatever_fails_after_the_model_is_written_is_a_warning"
    ),
    "an output that is a file says so": "test_a_file_in_the_place_of_the_folder_is_named",
    "the best epoch is not chosen by the test set": "test_the_best_epoch_is_chosen_on_validation_alone",
    "every step drops other units": "test_every_step_and_every_layer_drops_other_values",
    "weight decay leaves biases and normalization alone": (
        "test_weight_decay_takes_a_hundredth_of_the_rate_of_weights_alone"
    ),
    "the schedule ends with the training": "test_the_schedule_lasts_as_long_as_the_training",
    "a loss that is no number ends the run at its step": (
        "test_a_loss_that_is_no_number_stops_the_run_and_names_the_step"
    ),
    "no image of a set is left out of its score": "test_predictions_come_for_every_image_in_order",
    # gradients
    "a backward that clips, or drops small gradients, is wrong": "test_what_one_probe_shows_is_a_failure",
    "n for n - 1 is named as that": "test_the_repair_names_the_mistake_and_its_line",
    "a factor that is the batch size by chance is not called so": (
        "test_a_factor_that_happens_to_be_the_batch_size_is_not_called_so"
    ),
    "a forward that overflows is told beside a right gradient": (
        "test_an_overflow_is_told_in_the_line_of_a_right_gradient"
    ),
    "a pair without a cache is checked": "test_a_forward_without_residuals_is_taken",
    "what cannot be checked hides no pair beside it": (
        "test_what_cannot_be_called_is_asked_for_in_one_line_and_hides_nothing"
    ),
    "a subgradient at a kink is a convention": "test_any_subgradient_is_accepted_and_reported_as_a_convention",
    "dropout drawn inside a forward is checked": "test_dropout_drawn_inside_the_forward_is_the_same_each_time",
    # pictures, drawings, data
    "strokes are lists of x and of y, or lists of points": "test_every_form_of_strokes_is_that_drawing",
    "strokes that may be either are asked for": "test_what_may_be_read_in_two_ways_is_asked_for",
    "16 bits that hold 0 to 255 are that picture": "test_every_form_of_a_picture_is_that_picture",
    "a blank picture of 16 bits is blank": "test_a_blank_picture_of_sixteen_bits_is_blank",
    "black and white pixels are read like gray ones": "test_black_and_white_pixels_do_too",
    "a picture is turned as its camera says": "test_a_picture_is_turned_once_whichever_way_it_comes",
    "a transparent picture has a background": "test_predict_takes_a_transparent_png_and_prints_the_best_guesses",
    "a folder called like a dataset is not replaced in silence": (
        "test_a_folder_with_the_name_of_a_dataset_is_never_replaced_in_silence"
    ),
    "a Mac's accents are accents": "test_names_with_accents_are_equal_however_they_are_written",
    "full_numpy_bitmap_cat.npy holds cats": "test_the_same_images_come_out_of_every_format",
    "sketch-rnn's files are training data": "test_sketch_rnn_s_files_keep_their_splits",
    "sketch-rnn's files are drawings to predict": "test_a_file_of_sketch_rnn_holds_drawings_by_split",
    "no class of three drawings lacks a split": "test_no_class_of_three_drawings_or_more_lacks_a_split",
    "a class without a test drawing is named beside the accuracy": (
        "test_a_class_without_a_drawing_is_named_beside_the_accuracy"
    ),
    "labels come as integers, one-hot rows or names": "test_labels_in_any_form_are_the_same_integers",
    "standardized pixels are told from those of a picture": "test_what_is_no_set_of_images_is_refused",
    # programs
    "a model works in a pool of processes": "test_a_pool_of_processes_predicts",
    "a model is pickled and copied": "test_a_pickled_or_copied_model_is_the_same_model",
    "threads share a model": "test_threads_share_a_model",
    "a picture without a model asks for the model": "test_a_picture_without_a_model_asks_for_the_model",
    "a file of weights runs no code": "test_a_pickle_that_is_no_plain_data_is_refused",
}


@pytest.fixture(scope="module")
def tests():
    """The names of all tests."""
    files = Path(__file__).parents[1].rglob("test_*.py")
    return {name for file in files for name in re.findall(r"^def (test_\w+)\(", file.read_text(encoding="utf-8"), re.M)}


@pytest.mark.parametrize("report", REPORTS)
def test_what_was_reported_has_a_test(report, tests):
    assert REPORTS[report] in tests


def test_an_overflow_is_told_in_the_line_of_a_right_gradient():
    def softmax(x):
        e = np.exp(x - x.max())
        return (y := e / e.sum(axis=1, keepdims=True)), y

    report = jd.check(softmax, lambda dout, y: y * (dout - (dout * y).sum(axis=1, keepdims=True)), (np.eye(3, 4),))
    assert line_of(report).startswith("ok ") and "the forward overflows: with x " in line_of(report)


def test_a_picture_without_a_model_asks_for_the_model(tmp_path, capsys):
    (tmp_path / "cat.png").write_bytes(b"\x89PNG")
    assert main(["predict", str(tmp_path / "cat.png")]) == 2
    assert "cat.png: the model is missing; jaxdoodle predict MODEL FILE" in capsys.readouterr().err
