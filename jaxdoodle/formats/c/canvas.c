/* The image of a gray canvas, as jaxdoodle preprocesses it. Samples of the preprocessing first, as in network.c. */
#include "strokes.c"

#define LONGEST_SIDE 20.0
#define CENTER_OF_BOX 0
#define GRAIN 6.0 /* working pixels to a pixel of the image while the stroke width is changed */
#define DEPTH 25 /* in working pixels, the most that is measured */
#define REACH 18 /* and that strokes are widened by */
#define HOLE_AREA 12.4416 /* in working pixels, what a hole is smaller than */
#define LEAST_HOLES 8 /* fewer are loops that have nearly closed */

/* section: area */
/* Ink of 0 to 1 that is looked up in the gray levels of a canvas, or held in 65,535 levels. */
struct model_ink {
    const uint8_t *canvas;
    const float *of_gray;
    const uint16_t *held;
    int height, width, stride;
};

static float ink_at(const struct model_ink *ink, int row, int column)
{
    int at = row * ink->stride + column;
    return ink->held ? (float)ink->held[at] / 65535 : ink->of_gray[ink->canvas[at]];
}

/* How much of the stretch from low to high a pixel makes up. */
static float share(double low, double high, double length, int pixel)
{
    double overlap = (high < pixel + 1 ? high : pixel + 1) - (low > pixel ? low : pixel);
    return overlap > 0 ? (float)(overlap / length) : 0.0f;
}

/* The mean over a rectangle with its middle at (row, column), height * width large. What lies beyond the ink is 0, or
 * left out. */
static float mean_over(const struct model_ink *ink, double row, double column, double height, double width, int inside)
{
    double top = row - height / 2, bottom = row + height / 2, left = column - width / 2, right = column + width / 2;
    if (inside) {
        top = top > 0 ? top : 0;
        left = left > 0 ? left : 0;
        bottom = bottom < ink->height ? bottom : ink->height;
        right = right < ink->width ? right : ink->width;
        height = bottom - top;
        width = right - left;
    }
    float sum = 0;
    for (int c = left > 0 ? (int)left : 0; c < ink->width && c < right; c++) {
        float along = 0;
        for (int r = top > 0 ? (int)top : 0; r < ink->height && r < bottom; r++)
            along += share(top, bottom, height, r) * ink_at(ink, r, c);
        sum += along * share(left, right, width, c);
    }
    return sum;
}

/* section: canvas */
/* The box of the ink, to fractions of a pixel: the strength of its outermost rows and columns says how far it reaches
 * into them. */
struct model_box {
    double top, left, bottom, right;
    int first_row, first_column, rows, columns; /* of the part that is cut out for it */
};

static float strongest(const struct model_ink *ink, int row, int column, int rows, int columns)
{
    float most = 0;
    for (int r = row; r < row + rows; r++)
        for (int c = column; c < column + columns; c++)
            most = ink_at(ink, r, c) > most ? ink_at(ink, r, c) : most;
    return most;
}

static struct model_box box_of(const struct model_ink *ink)
{
    int height = ink->height, width = ink->width, top = 0, left = 0, bottom = height - 1, right = width - 1;
    while (top < height - 1 && !(strongest(ink, top, 0, 1, width) > 0))
        top++;
    while (bottom > top && !(strongest(ink, bottom, 0, 1, width) > 0))
        bottom--;
    while (left < width - 1 && !(strongest(ink, 0, left, height, 1) > 0))
        left++;
    while (right > left && !(strongest(ink, 0, right, height, 1) > 0))
        right--;
    float most = strongest(ink, 0, 0, height, width);
    float below = strongest(ink, bottom, 0, 1, width) / most, beside = strongest(ink, 0, right, height, 1) / most;
    int until_row = bottom + 1 + !(below < 1), until_column = right + 1 + !(beside < 1);
    struct model_box box = {
        top + 1 - (double)(strongest(ink, top, 0, 1, width) / most),
        left + 1 - (double)(strongest(ink, 0, left, height, 1) / most),
        bottom + (double)below,
        right + (double)beside,
        top,
        left,
        (until_row < height ? until_row : height) - top,
        (until_column < width ? until_column : width) - left};
    return box;
}

static double longest_of(const struct model_box *box)
{
    double height = box->bottom - box->top, width = box->right - box->left;
    return height > width ? height : width;
}

/* The place of the ink that goes to the center, counted from the middle of the first pixel. */
static void center_of(const struct model_ink *ink, const struct model_box *box, double center[2])
{
    double sum = 0, rows = 0, columns = 0;
    center[0] = (box->top + box->bottom - 1) / 2;
    center[1] = (box->left + box->right - 1) / 2;
    if (CENTER_OF_BOX)
        return;
    for (int r = 0; r < ink->height; r++)
        for (int c = 0; c < ink->width; c++) {
            double value = (double)ink_at(ink, r, c);
            sum += value;
            rows += value * r;
            columns += value * c;
        }
    center[0] = rows / sum;
    center[1] = columns / sum;
}

static float ink_around(const struct model_ink *ink, int row, int column)
{
    return row >= 0 && row < ink->height && column >= 0 && column < ink->width ? ink_at(ink, row, column) : 0.0f;
}

/* The stroke width as twice the area by the length of the outline, which is the total variation. */
static double width_by_outline(const struct model_ink *ink)
{
    double area = 0, outline = 0;
    for (int r = 0; r <= ink->height; r++)
        for (int c = 0; c <= ink->width; c++) {
            float one = ink_around(ink, r - 1, c - 1), right = ink_around(ink, r - 1, c);
            float below = ink_around(ink, r, c - 1), other = ink_around(ink, r, c);
            double dx = (double)(right + other - one - below), dy = (double)(below + other - one - right);
            area += (double)other;
            outline += root(dx * dx + dy * dy);
        }
    return 2 * area / (outline / 2);
}

/* section: redraw */
enum { MASK = 1, LINE = 2, LEAVES = 4, BARE = 8, HOLE = 16 };

/* Fills the many small holes of chalk, pencil and pens that skip. Of the background's regions, each within four neighbors,
 * the places are listed in depth and ink, which are not yet in use. */
static void fill_holes(struct model_canvas_workspace *work, int rows, int columns)
{
    static const int8_t down[4] = {-1, 0, 1, 0}, right[4] = {0, 1, 0, -1};
    uint8_t *flags = work->flags;
    int32_t holes = 0;
    for (int at = 0; at < rows * MODEL_SIDE; at++) {
        int32_t area = 0;
        if (at % MODEL_SIDE < columns && !flags[at]) {
            work->depth[area] = (uint16_t)(at / MODEL_SIDE);
            work->ink[area++] = (uint16_t)(at % MODEL_SIDE);
            flags[at] = BARE;
        }
        for (int32_t of = 0; of < area; of++)
            for (int i = 0; i < 4; i++) {
                int r = work->depth[of] + down[i], c = work->ink[of] + right[i];
                if (r >= 0 && r < rows && c >= 0 && c < columns && !flags[r * MODEL_SIDE + c]) {
                    work->depth[area] = (uint16_t)r;
                    work->ink[area++] = (uint16_t)c;
                    flags[r * MODEL_SIDE + c] = BARE;
                }
            }
        if (!area || area >= HOLE_AREA)
            continue;
        holes++;
        for (int32_t of = 0; of < area; of++)
            flags[work->depth[of] * MODEL_SIDE + work->ink[of]] = HOLE;
    }
    for (int at = 0; at < rows * MODEL_SIDE; at++)
        flags[at] = flags[at] == MASK || (flags[at] == HOLE && holes >= LEAST_HOLES) ? MASK : 0;
}

/* The squares of the distances to the nearest pixel whose flag is set, or is not, at most reach + 1. */
static void distances(struct model_canvas_workspace *work, uint16_t *squares, int rows, int columns, int flag, int set,
                      int reach)
{
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c < columns; c++) {
            int best = (reach + 1) * (reach + 1);
            for (int step = 0; step <= reach && step * step < best; step++) {
                int above = r - step, below = r + step;
                if ((above >= 0 && ((work->flags[above * MODEL_SIDE + c] & flag) != 0) == set) ||
                    (below < rows && ((work->flags[below * MODEL_SIDE + c] & flag) != 0) == set))
                    best = step * step;
            }
            squares[r * MODEL_SIDE + c] = (uint16_t)best;
        }
    }
    for (int r = 0; r < rows; r++) {
        uint16_t *along = squares + r * MODEL_SIDE;
        for (int c = 0; c < columns; c++)
            work->row[c] = along[c];
        for (int c = 0; c < columns; c++) {
            int best = work->row[c];
            for (int step = 1; step <= reach && step * step < best; step++) {
                int left = c - step >= 0 ? work->row[c - step] + step * step : best;
                int right = c + step < columns ? work->row[c + step] + step * step : best;
                best = left < best ? left : best;
                best = right < best ? right : best;
            }
            along[c] = (uint16_t)best;
        }
    }
}

/* Whether thinning removes a pixel with such neighbors, clockwise from above, in the first or second half of a round
 * (Zhang and Suen 1984; of the last two by two pixels one is kept). */
static int is_removed(int around, int is_first)
{
    int count = 0, changes = 0;
    for (int i = 0; i < 8; i++) {
        count += around >> i & 1;
        changes += !(around >> i & 1) && (around >> (i + 1) % 8 & 1);
    }
    int north = around & 1, east = around >> 2 & 1, south = around >> 4 & 1, west = around >> 6 & 1;
    int held = is_first ? east && south && (north || west) : north && west && (east || south);
    return count >= 2 && count <= 6 && changes == 1 && !held && around != (is_first ? 0xc1 : 0x1c);
}

/* Thins the lines, which begin as the mask, from outside in to one pixel. Background surrounds it. */
static void thin(uint8_t *flags, int rows, int columns)
{
    static const int8_t down[8] = {-1, -1, 0, 1, 1, 1, 0, -1}, right[8] = {0, 1, 1, 1, 0, -1, -1, -1};
    for (int at = 0; at < rows * MODEL_SIDE; at++)
        flags[at] = (uint8_t)(flags[at] & MASK ? MASK | LINE : 0);
    for (int layer = 0, removed = 1; layer < DEPTH && removed; layer++) {
        removed = 0;
        for (int half = 0; half < 2; half++) {
            for (int r = 1; r < rows - 1; r++)
                for (int c = 1; c < columns - 1; c++) {
                    int around = 0, at = r * MODEL_SIDE + c;
                    for (int i = 0; i < 8 && flags[at] & LINE; i++)
                        around |= (flags[at + down[i] * MODEL_SIDE + right[i]] & LINE ? 1 : 0) << i;
                    if (flags[at] & LINE && is_removed(around, !half))
                        flags[at] |= LEAVES;
                }
            for (int at = 0; at < rows * MODEL_SIDE; at++)
                if (flags[at] & LEAVES) {
                    flags[at] = MASK;
                    removed = 1;
                }
        }
    }
}

/* The stroke width, from the depth of the ink along its centerline: the least width that is common. */
static double common_width(const struct model_canvas_workspace *work, int rows, int columns)
{
    int32_t counts[2 * DEPTH + 8] = {0}, most = 0;
    int shallow = 0, peak = -1, top = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++) {
                int at = r * MODEL_SIDE + c, is_shallow = work->depth[at] <= DEPTH * DEPTH;
                if (!(work->flags[at] & LINE) || (pass && shallow && !is_shallow))
                    continue;
                shallow |= is_shallow;
                if (pass)
                    counts[3 + (int)(2 * (float)root(work->depth[at]) - 1)]++;
            }
    for (int pass = 0; pass < 2; pass++)
        for (int width = 0; width < 2 * DEPTH + 4; width++) {
            int32_t common = counts[width + 1] + 2 * counts[width + 2] + 2 * counts[width + 3] + counts[width + 4];
            if (!pass)
                most = common > most ? common : most;
            else if (peak < 0 ? 2 * common >= most : width < top + 4 && common > counts[0]) {
                top = peak < 0 ? width : top;
                peak = width;
                counts[0] = common;
            }
        }
    double sum = 0, places = 0;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            int at = r * MODEL_SIDE + c;
            double width = 2 * root(work->depth[at]) - 1;
            if (work->flags[at] & LINE && (!shallow || work->depth[at] <= DEPTH * DEPTH) && width - peak <= 2.5 &&
                peak - width <= 2.5) {
                sum += width;
                places++;
            }
        }
    return sum / places;
}

/* Gives ink that was cut to its box the stroke width of the image, unless it has that already. */
static void redraw(struct model_ink *ink, struct model_canvas_workspace *work)
{
    const int margin = REACH + 1;
    int longest = ink->height > ink->width ? ink->height : ink->width;
    double zoom = GRAIN * LONGEST_SIDE / longest;
    int height = (int)(ink->height * zoom), width = (int)(ink->width * zoom);
    height += height < ink->height * zoom;
    width += width < ink->width * zoom;
    int rows = height + 2 * margin, columns = width + 2 * margin;
    float most = 0;
    for (int at = 0; at < rows * MODEL_SIDE; at++)
        work->flags[at] = 0;
    for (int pass = 0; pass < 2; pass++) /* the strongest, then what is more than half as strong */
        for (int r = 0; r < height; r++)
            for (int c = 0; c < width; c++) {
                float value;
                if (zoom >= 1)
                    value = mean_over(ink, (r + 0.5) / zoom, (c + 0.5) / zoom, 1, 1, 0);
                else {
                    int top = (int)((int32_t)r * ink->height / height), left = (int)((int32_t)c * ink->width / width);
                    int bottom = (int)((int32_t)(r + 1) * ink->height / height);
                    int right = (int)((int32_t)(c + 1) * ink->width / width);
                    value = strongest(ink, top, left, bottom - top, right - left);
                }
                if (!pass)
                    most = value > most ? value : most;
                else if (value > 0.50001f * most)
                    work->flags[(r + margin) * MODEL_SIDE + c + margin] = MASK;
            }
    fill_holes(work, rows, columns);
    distances(work, work->depth, rows, columns, MASK, 0, DEPTH);
    thin(work->flags, rows, columns);
    double found = common_width(work, rows, columns), measured = found / zoom;
    if ((0.75 * STROKE_WIDTH <= found / GRAIN && found / GRAIN <= 1.2 * STROKE_WIDTH) || measured > longest / 2.0)
        return;
    double scale = (LONGEST_SIDE - STROKE_WIDTH) / (longest - measured), target = STROKE_WIDTH * zoom / scale;
    double outwards = (target - found) / 2;
    int reach = (int)target + ((int)target < target);
    for (int at = 0; at < rows * MODEL_SIDE && !(outwards > 0); at++)
        if (work->flags[at] & LINE && root(work->depth[at]) < 0.8 * found / 2) /* a spur: it forks where lines end */
            work->flags[at] = MASK;
    distances(work, work->ink, rows, columns, outwards > 0 ? MASK : LINE, 1, reach);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            int at = r * MODEL_SIDE + c;
            double away = root(work->ink[at]), value = 1 + outwards - away, deep = root(work->depth[at]) + outwards;
            if (!(outwards > 0)) {
                value = target / 2 + 0.5 - away;
                value = deep > value ? deep : value;
            }
            value = value > 0 ? (value < 1 ? value : 1) : 0;
            work->ink[at] = (uint16_t)(value * 65535 + 0.5);
        }
    ink->held = work->ink;
    ink->height = rows;
    ink->width = columns;
    ink->stride = MODEL_SIDE;
}

/* section: no_redraw */
/* The stroke width stays as it is. */
#define redraw(ink, work) ((void)(work))

/* section: image_of_canvas */
/* How strong each gray level is as ink. The background is the median of the canvas's border. */
static int levels_of(const uint8_t *canvas, int height, int width, float of_gray[256])
{
    int32_t counts[256] = {0}, border = 0, passed = 0;
    int frame = (height < width ? height : width) / 50, background = 0, edge = 0, highest = 0;
    frame = frame > 1 ? frame : 1;
    for (int r = 0; r < height; r++)
        for (int c = 0; c < width; c++) {
            int gray = canvas[r * width + c];
            highest = gray > highest ? gray : highest;
            if (r < frame || c < frame || r >= height - frame || c >= width - frame) {
                counts[gray]++;
                border++;
            }
        }
    while ((passed += counts[background]) <= border / 2)
        background++;
    const float divisor = highest <= 1 ? 1.0f : highest <= 16 ? 16.0f : 255.0f;
    float most = 0;
    for (int gray = 0; gray < 256; gray++) {
        float difference = (float)gray / divisor - (float)background / divisor;
        of_gray[gray] = difference < 0 ? -difference : difference;
    }
    for (int32_t at = 0; at < (int32_t)height * width; at++)
        most = of_gray[canvas[at]] > most ? of_gray[canvas[at]] : most;
    if (most < 0.06f)
        return MODEL_BLANK;
    for (int gray = 0; gray < 256; gray++) {
        of_gray[gray] /= most;
        edge += of_gray[gray] > 0.1f && of_gray[gray] < 0.6f ? (int)counts[gray] : 0;
    }
    return (float)edge / (float)border > 0.15f ? MODEL_UNEVEN : MODEL_OK;
}

/* Scales gray lines with a darker spot: nine tenths of the ink are at most 1, if those are below a half. */
static void strengthen(const uint8_t *canvas, int32_t pixels, float of_gray[256])
{
    int32_t counts[256] = {0}, drawn = 0;
    float level = 2;
    for (int32_t at = 0; at < pixels; at++)
        counts[canvas[at]]++;
    for (int gray = 0; gray < 256; gray++)
        drawn += of_gray[gray] > 0 ? counts[gray] : 0;
    for (int gray = 0; gray < 256; gray++) {
        int32_t below = 0;
        for (int other = 0; other < 256; other++)
            below += of_gray[other] > 0 && of_gray[other] <= of_gray[gray] ? counts[other] : 0;
        if (of_gray[gray] > 0 && below > 9 * drawn / 10 && of_gray[gray] < level)
            level = of_gray[gray];
    }
    for (int gray = 0; gray < 256 && level < 0.5f; gray++)
        of_gray[gray] = of_gray[gray] / level < 1 ? of_gray[gray] / level : 1;
}

int model_image_of_canvas(const uint8_t *canvas, int height, int width, struct model_canvas_workspace *work,
        uint8_t image[MODEL_HEIGHT * MODEL_WIDTH])
{
    float of_gray[256], original[256];
    if (height < 1 || width < 1)
        return MODEL_UNREADABLE;
    if (height > 1024 || width > 1024)
        return MODEL_TOO_LARGE;
    int why_not = levels_of(canvas, height, width, of_gray);
    if (why_not)
        return why_not;
    struct model_ink ink = {canvas, of_gray, 0, height, width, width};
    double sum = 0, dark = 0, size = (double)height * width;
    for (int32_t at = 0; at < (int32_t)height * width; at++)
        dark += of_gray[canvas[at]] >= 0.5f;
    if (dark > 0.6 * size && dark < size) { /* lines around and through what covers most of the canvas? */
        for (int gray = 0; gray < 256; gray++)
            of_gray[gray] = 1 - of_gray[gray];
        if (!(width_by_outline(&ink) < 0.06 * (height > width ? height : width)))
            for (int gray = 0; gray < 256; gray++)
                of_gray[gray] = 1 - of_gray[gray];
    }
    for (int gray = 0; gray < 256; gray++) {
        original[gray] = of_gray[gray];
        of_gray[gray] = of_gray[gray] < 0.1f ? 0 : of_gray[gray];
    }
    strengthen(canvas, (int32_t)height * width, of_gray);

    struct model_box box = box_of(&ink);
    const uint8_t *corner = canvas + box.first_row * width + box.first_column;
    struct model_ink cut = {corner, of_gray, 0, box.rows, box.columns, width};
    double stroke_width = width_by_outline(&cut), longest = longest_of(&box), least = 2.3 * stroke_width;
    double side = 0.2 * (height > width ? height : width);
    if (longest <= (least > 1 ? least : 1) && longest <= (side > 2 ? side : 2))
        return MODEL_DOT;
    dark = 0;
    for (int32_t at = 0; at < (int32_t)height * width; at++) {
        dark += of_gray[canvas[at]] > 0.5f;
        sum += (double)of_gray[canvas[at]];
    }
    if (dark / size > 0.9)
        return MODEL_FULL;
    if (sum / (stroke_width * longest) > 15)
        return MODEL_BUSY;

    double center[2], unit = (MODEL_HEIGHT > MODEL_WIDTH ? MODEL_HEIGHT : MODEL_WIDTH) / 28.0;
    unit = unit > 1 ? unit : 1;
    center_of(&ink, &box, center);
    int meets = height == MODEL_HEIGHT && width == MODEL_WIDTH && magnitude(longest - LONGEST_SIDE) <= unit &&
                magnitude(center[0] - CENTER_ROW) <= 0.75 * unit && magnitude(center[1] - CENTER_COLUMN) <= 0.75 * unit;
    if (!meets) {
        redraw(&cut, work);
        box = box_of(&cut);
        center_of(&cut, &box, center);
    }
    double scale = LONGEST_SIDE / longest_of(&box), span = scale < 1 ? 1 / scale : 1;
    for (int r = 0; r < MODEL_HEIGHT; r++)
        for (int c = 0; c < MODEL_WIDTH; c++) {
            float value = meets ? original[canvas[r * width + c]]
                                : mean_over(&cut, center[0] + 0.5 + (r - CENTER_ROW) / scale,
                                            center[1] + 0.5 + (c - CENTER_COLUMN) / scale, span, span, 0);
            int level_of_ink = (int)nearest(255 * (value < 1 ? value : 1));
            image[r * MODEL_WIDTH + c] = (uint8_t)(DARK_ON_LIGHT ? 255 - level_of_ink : level_of_ink);
        }
    return MODEL_OK;
}

/* section: canvas_as_is */
/* The canvas as a whole, each pixel the mean over its area. */
int model_image_of_canvas(const uint8_t *canvas, int height, int width, struct model_canvas_workspace *work,
        uint8_t image[MODEL_HEIGHT * MODEL_WIDTH])
{
    float of_gray[256];
    int highest = 0;
    (void)work;
    if (height < 1 || width < 1)
        return MODEL_UNREADABLE;
    if (height > 1024 || width > 1024)
        return MODEL_TOO_LARGE;
    for (int32_t at = 0; at < (int32_t)height * width; at++)
        highest = canvas[at] > highest ? canvas[at] : highest;
    for (int gray = 0; gray < 256; gray++) {
        float value = (float)gray / (highest <= 1 ? 1.0f : highest <= 16 ? 16.0f : 255.0f);
        of_gray[gray] = value < 1 ? value : 1;
    }
    struct model_ink ink = {canvas, of_gray, 0, height, width, width};
    double down = (double)height / MODEL_HEIGHT, right = (double)width / MODEL_WIDTH;
    for (int r = 0; r < MODEL_HEIGHT; r++)
        for (int c = 0; c < MODEL_WIDTH; c++) {
            float value = mean_over(&ink, (r + 0.5) * down, (c + 0.5) * right, down > 1 ? down : 1,
                                    right > 1 ? right : 1, 1);
            image[r * MODEL_WIDTH + c] = (uint8_t)nearest(255 * (value < 1 ? value : 1));
        }
    return MODEL_OK;
}
