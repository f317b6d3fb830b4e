"""The window to draw in, with Tk: the prediction while one draws, its probabilities, and the network's bitmap.

Importing it raises ``InputError`` where Python has no Tk.
"""

from __future__ import annotations

from typing import Any

from jaxdoodle.cli.window.pad import SIDE, STROKE_WIDTH, Pad, headline, remark
from jaxdoodle.core.errors import InputError
from jaxdoodle.inference.model import Model, Prediction

INSTEAD = "without --window, the page opens in a browser."
try:
    import tkinter
except ImportError:
    raise InputError(f"a window needs Tk, which this Python lacks (python3-tk on Debian); {INSTEAD}") from None

PAGE, FILL, INK, MUTED, LINE, BAR, TRACK = "#f4f2ee", "#ffffff", "#1c1c1e", "#66645f", "#dcd8d0", "#0072b2", "#e7e3db"
GUESSES = 5
ROW = 30  # height of a guess, in pixels
WIDE = 330  # width of the column on the right, in pixels
ZOOM = 4  # pixels of the preview to one of the bitmap
PAUSE = 25  # milliseconds from a move of the pointer to the next prediction


def show(model: Model) -> int:
    """Open the window until it is closed.

    Returns:
      The exit code, 0.

    Raises:
      InputError: There is no screen.
    """
    try:
        root = tkinter.Tk(className="Jaxdoodle")
    except tkinter.TclError as error:
        raise InputError(f"no window can be opened, {error}; {INSTEAD}") from None
    Window(root, model)
    root.mainloop()
    return 0


class Window:
    """The widgets of ``root``, a ``Pad``, and the model's prediction for it."""

    def __init__(self, root: tkinter.Tk, model: Model):
        self.root, self.model, self.pad = root, model, Pad()
        self.prediction: Prediction | None = None
        self._drawing = False  # with the pointer
        self._keys_draw = False
        self._due: str | None = None
        root.title("Draw something")
        root.configure(bg=PAGE, padx=24, pady=24)
        root.minsize(640, 440)
        root.columnconfigure(0, weight=1)
        root.rowconfigure(0, weight=1)
        self._make_pad()
        self._make_answer()
        self._listen()
        self._show()
        self._stay_awake()

    def _make_pad(self) -> None:
        self.canvas = tkinter.Canvas(
            self.root, width=460, height=460, bg=FILL, cursor="pencil", highlightthickness=2, highlightbackground=LINE,
            highlightcolor=BAR, takefocus=True,
        )  # fmt: skip
        self.canvas.grid(row=0, column=0, sticky="nsew")
        tools = tkinter.Frame(self.root, bg=PAGE)
        tools.grid(row=1, column=0, sticky="w", pady=(14, 0))
        self.undo = self._button(tools, "Undo", self._act(self.pad.undo))
        self.clear = self._button(tools, "Clear", self._act(self.pad.clear))
        keys = "Arrow keys move the cursor,\nspace starts and ends a stroke"
        tkinter.Label(tools, text=keys, bg=PAGE, fg=MUTED, font=("", 9), justify="left").pack(side="left", padx=4)

    def _button(self, parent: Any, text: str, command: Any) -> tkinter.Button:
        button = tkinter.Button(
            parent, text=text, command=command, bg=FILL, fg=INK, activebackground=TRACK, disabledforeground="#aaa59b",
            relief="flat", bd=0, padx=18, pady=7, font=("", 11, "bold"), highlightthickness=1, highlightbackground=LINE,
            highlightcolor=BAR,
        )  # fmt: skip
        button.pack(side="left", padx=(0, 10))
        return button

    def _make_answer(self) -> None:
        side = tkinter.Frame(self.root, bg=PAGE, width=WIDE)
        side.grid(row=0, column=1, rowspan=2, sticky="n", padx=(28, 0))
        self.guess = tkinter.Label(side, bg=PAGE, anchor="w", font=("", 26, "bold"), wraplength=WIDE, justify="left")
        self.remark = tkinter.Label(side, bg=PAGE, fg=MUTED, anchor="w", font=("", 11), wraplength=WIDE, justify="left")
        rows = min(GUESSES, len(self.model.classes))
        self.bars = tkinter.Canvas(side, width=WIDE, height=ROW * rows, bg=PAGE, highlightthickness=0)
        height, width, _ = self.model.preprocessing.image_shape
        self.image = tkinter.PhotoImage(width=width * ZOOM, height=height * ZOOM)
        preview = tkinter.Label(side, image=self.image, bd=0, highlightthickness=1, highlightbackground=LINE)
        seen = f"What the network sees:\nyour strokes, drawn again,\n{width} × {height} pixels"
        for widget, below in ((self.guess, 0), (self.remark, 18), (self.bars, 20)):
            widget.pack(fill="x", pady=(0, below))
        preview.pack(side="left")
        tkinter.Label(side, text=seen, bg=PAGE, fg=MUTED, font=("", 10), justify="left").pack(side="left", padx=14)

    def _listen(self) -> None:
        canvas, root = self.canvas, self.root
        canvas.bind("<Configure>", lambda event: self._draw())
        canvas.bind("<ButtonPress-1>", self._pressed)
        canvas.bind("<B1-Motion>", self._moved)
        canvas.bind("<ButtonRelease-1>", self._released)
        for key, move in {"Left": (-1, 0), "Right": (1, 0), "Up": (0, -1), "Down": (0, 1)}.items():
            canvas.bind(f"<{key}>", self._by_key(lambda move=move: self.pad.move(*move)))
        canvas.bind("<space>", self._by_key(self.pad.toggle))
        for keys, action in ((("z", "Z", "Control-z"), self.pad.undo), (("Delete", "Escape"), self.pad.clear)):
            for key in keys:
                root.bind(f"<{key}>", self._act(action))
        canvas.focus_set()

    def _pressed(self, event: Any) -> None:
        self.canvas.focus_set()
        self._keys_draw = self.pad.down = False
        self._drawing = True
        self._pointed(self.pad.begin, event)

    def _moved(self, event: Any) -> None:
        if self._drawing:
            self._pointed(self.pad.extend, event)

    def _released(self, event: Any) -> None:
        self._drawing = False

    def _pointed(self, action: Any, event: Any) -> None:
        left, top, scale = self._frame()
        action((event.x - left) / scale, (event.y - top) / scale)
        self._refresh()

    def _by_key(self, action: Any) -> Any:
        def act(event: Any) -> None:
            self._keys_draw = True
            action()
            self._refresh()

        return act

    def _act(self, action: Any) -> Any:
        def act(event: Any = None) -> None:
            self._drawing = False
            action()
            self._refresh()

        return act

    def _refresh(self) -> None:
        """Draw at once; predict after a pause, once for all moves in it."""
        self._draw()
        if self._due is None:
            self._due = self.root.after(PAUSE, self._ask)

    def _ask(self) -> None:
        self._due = None
        self.prediction = self.model.predict(self.pad.strokes) if self.pad.strokes else None
        self._show()

    def _frame(self) -> tuple[float, float, float]:
        """Left and top of the pad, the largest square on the canvas, and pixels to one of its units."""
        width, height = self.canvas.winfo_width(), self.canvas.winfo_height()
        side = min(width, height)
        return (width - side) / 2, (height - side) / 2, side / SIDE

    def _draw(self) -> None:
        left, top, scale = self._frame()
        self.canvas.delete("all")
        for xs, ys in self.pad.strokes:
            points = [at for x, y in zip(xs, ys, strict=True) for at in (left + scale * x, top + scale * y)]
            look: Any = {"width": STROKE_WIDTH * scale, "capstyle": "round", "joinstyle": "round", "fill": INK}
            self.canvas.create_line(*(points if len(xs) > 1 else points * 2), smooth=len(xs) > 2, **look)
        if not self.pad.strokes:
            some = self.model.classes[:12]
            hint = f"Draw one of {', '.join(some)}" + (" …" if len(some) < len(self.model.classes) else "")
            middle = left + scale * SIDE / 2, top + scale * SIDE / 2
            self.canvas.create_text(*middle, text=hint, fill=MUTED, width=0.7 * SIDE * scale, justify="center")
        if self._keys_draw:
            x, y, reach = left + scale * self.pad.cursor[0], top + scale * self.pad.cursor[1], scale * STROKE_WIDTH / 2
            filled = BAR if self.pad.down else ""
            self.canvas.create_oval(x - reach, y - reach, x + reach, y + reach, outline=BAR, width=2, fill=filled)

    def _show(self) -> None:
        found = self.prediction
        unsure = found is None or found.abstained
        self.guess.configure(text=headline(found), fg=MUTED if unsure else INK)
        self.remark.configure(text=remark(found))
        state: Any = "normal" if self.pad.strokes else "disabled"
        self.undo.configure(state=state)
        self.clear.configure(state=state)
        self.bars.delete("all")
        longest = max(len(_short(label)) for label in self.model.classes)
        name, end = 10 * longest + 14, WIDE - 66
        for row, (label, share) in enumerate(found.top(GUESSES) if found else []):
            middle = ROW * (row + 0.5)
            self.bars.create_text(0, middle, text=_short(label), anchor="w", fill=INK, font=("", 11))
            self.bars.create_line(name, middle, end, middle, fill=TRACK, width=10, capstyle="round")
            if share >= 0.005:
                at = name + share * (end - name)
                color = MUTED if unsure else BAR
                self.bars.create_line(name, middle, at, middle, fill=color, width=10, capstyle="round")
            self.bars.create_text(WIDE, middle, text=f"{100 * share:.1f} %", anchor="e", fill=MUTED, font=("", 11))
        self._preview(found)

    def _preview(self, found: Prediction | None) -> None:
        height, width, _ = self.model.preprocessing.image_shape
        rows = found.preprocessed.bitmap.tolist() if found and found.preprocessed else [[0] * width] * height
        lines = [" ".join(f"#{ink:02x}{ink:02x}{ink:02x}" for ink in row for _ in range(ZOOM)) for row in rows]
        self.image.put(" ".join(f"{{{line}}}" for line in lines for _ in range(ZOOM)))

    def _stay_awake(self) -> None:
        """Let Python handle Ctrl-C in the terminal, which Tk alone does not."""
        self.root.after(200, self._stay_awake)


def _short(label: str) -> str:
    return label if len(label) <= 13 else label[:12] + "…"
