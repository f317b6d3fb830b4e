"""What on a picture is the drawing? The ink, apart from sheet, light, lines and grain around it."""
