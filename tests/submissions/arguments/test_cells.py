"""Cells of recurrent networks whose weights come in one dictionary."""

import inspect

import pytest

from jaxdoodle.submissions.arguments.cells import candidates

COLUMNS = """
def rnn_cell_forward(xt, a_prev, parameters):
    Wax, Waa, Wya = parameters["Wax"], parameters["Waa"], parameters["Wya"]
    ba, by = parameters["ba"], parameters["by"]
    a_next = np.tanh(Waa @ a_prev + Wax @ xt + ba)
    z = np.exp(Wya @ a_next + by)
    return a_next, z / z.sum(axis=0), (a_next, a_prev, xt, parameters)

def rnn_cell_backward(da_next, cache):
    a_next, a_prev, xt, parameters = cache
    dz = (1 - a_next**2) * da_next
    return {{
        "dxt": parameters["Wax"].T @ dz, "dWax": dz @ xt.T, "da_prev": parameters["Waa"].T @ dz,
        "dWaa": dz @ {state}.T, "dba": dz.sum(axis=1, keepdims=True),
    }}
"""
ROWS = """
def cell_forward(x, h_prev, c_prev, params):
    both = np.hstack([h_prev, x])
    f = 1 / (1 + np.exp(-(both @ params["Wf"] + params["bf"])))
    g = np.tanh(both @ params["Wg"] + params["bg"])
    return f * c_prev + (1 - f) * g, (both, f, g, c_prev, params)

def cell_backward(dc, cache):
    both, f, g, c_prev, params = cache
    df, dg = dc * (c_prev - g) * f * (1 - f), dc * (1 - f) * (1 - {g}**2)
    n = c_prev.shape[1]
    dboth = df @ params["Wf"].T + dg @ params["Wg"].T
    grads = {{"Wf": both.T @ df, "Wg": both.T @ dg, "bf": df.sum(0), "bg": dg.sum(0)}}
    return dboth[:, n:], dboth[:, :n], dc * f, grads
"""


@pytest.mark.parametrize(("state", "expected"), [("a_prev", "right"), ("a_next", "parameters.Waa")])
def test_a_cell_of_columns_takes_input_and_state_by_a_weight_each(checked, state, expected):
    assert checked(COLUMNS.format(state=state)) == {"rnn_cell": expected}


@pytest.mark.parametrize(("g", "expected"), [("g", "right"), ("f", "h_prev, params.Wg, params.bg, x")])
def test_a_cell_of_rows_takes_input_and_state_side_by_side(checked, g, expected):
    assert checked(ROWS.format(g=g)) == {"cell": expected}


def test_a_function_without_a_state_or_with_other_entries_is_no_cell():
    def dense(x, params):
        return x @ params["W"]

    def other(x, h_prev, params):
        return x * params["rate"] + h_prev @ params["W"]

    for function in (dense, other):
        assert not [*candidates(function, [*inspect.signature(function).parameters.values()])]
