"""Studies of pictures: canvases, paper, pages of several drawings, and how strokes are drawn."""
