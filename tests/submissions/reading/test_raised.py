"""What ends or raises is a mistake where a backward does it with the arguments of the file, and else is not."""


def test_code_that_ends_the_program_does_not_hide_what_is_beside_it(checked):
    found = checked("""
        import sys

        def square_forward(x): return x**2, x
        def square_backward(d, x): sys.exit(0)
        def cube_forward(x): return x**3, x
        def cube_backward(d, x): return 3 * d * x**2

        class Double:
            def forward(self, x): return 2 * x
            def backward(self, d): exit()
    """)
    ended = "backward raises SystemExit"
    assert found == {"square": ended, "cube": "right", "Double": ended}


def test_code_that_ends_the_program_for_guessed_arguments_is_not_told_wrong(checked):
    found = checked("""
        import sys

        class Scale:
            def __init__(self, n_in, n_out):
                if n_in < n_out or n_in > 4: sys.exit("sizes")
                self.W = np.ones((n_in, n_out))
            def forward(self, x):
                if x.ndim != 2: sys.exit("two axes were expected")
                self.x = x
                return x @ self.W
            def backward(self, d):
                self.dW = self.x.T @ d
                return d @ self.W.T

        def cube_forward(x): sys.exit(1)
        def cube_backward(d, x): return d
        cube_args = (np.ones(3),)
    """)
    assert found == {"Scale": "right", "cube": "the code ends the program (sys.exit)"}
