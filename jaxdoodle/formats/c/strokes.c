/* The image of a drawing in strokes, as jaxdoodle renders it. Samples of the preprocessing first, as in network.c. */
#include "network.c"

#define SIMPLE_SCALE 0.06904296875 /* pixels to a unit of the simplified drawing, of which the longer side has 255 */
#define STROKE_WIDTH 2.4
#define CENTER_ROW 14.0
#define CENTER_COLUMN 14.0
#define CENTER_OF_MASS 1
#define DARK_ON_LIGHT 0
#define CORNERS 2
static const double corner_x[CORNERS] = {1.2, 0.0}, corner_y[CORNERS] = {0.0, 1.2}; /* of the first quarter of a dot */

/* section: root */
/* The square root by Newton's method, which doubles the right digits of an estimate between 1 and 2. */
static double root(double square)
{
    double size = 1, estimate = 1.5;
    if (!(square > 0))
        return 0;
    for (; square > 4; square /= 4)
        size *= 2;
    for (; square < 1; square *= 4)
        size /= 2;
    for (int i = 0; i < 6; i++)
        estimate = (estimate + square / estimate) / 2;
    return size * estimate;
}

/* section: strokes */
#define LINES 15  /* across a pixel, as cairo has them */
#define STEPS 256 /* positions along a line, in a pixel */

/* A raw stroke, shifted and scaled to a longer side of the drawing of 255. */
struct model_stroke {
    const float *x, *y;
    int points;
    double low_x, low_y, scale;
};

/* A place on it: in the piece after that point, which begins so far along the stroke. */
struct model_place {
    int point;
    double begins;
};

static double stroke_x(const struct model_stroke *stroke, int point)
{
    return ((double)stroke->x[point] - stroke->low_x) * stroke->scale;
}

static double stroke_y(const struct model_stroke *stroke, int point)
{
    return ((double)stroke->y[point] - stroke->low_y) * stroke->scale;
}

static double piece_length(const struct model_stroke *stroke, int point)
{
    double dx = stroke_x(stroke, point + 1) - stroke_x(stroke, point);
    double dy = stroke_y(stroke, point + 1) - stroke_y(stroke, point);
    return root(dx * dx + dy * dy);
}

/* The point so far along the stroke, at or behind the place, which moves there; the last one at the stroke's end. */
static void walk(const struct model_stroke *stroke, struct model_place *place, double along, int is_end, double at[2])
{
    int last = stroke->points - 1;
    double length = 0;
    while (!is_end && place->point < last && place->begins + (length = piece_length(stroke, place->point)) <= along) {
        place->begins += length;
        place->point++;
    }
    if (is_end || place->point >= last) {
        at[0] = stroke_x(stroke, last);
        at[1] = stroke_y(stroke, last);
        return;
    }
    double part = along - place->begins, x = stroke_x(stroke, place->point), y = stroke_y(stroke, place->point);
    at[0] = (stroke_x(stroke, place->point + 1) - x) / length * part + x;
    at[1] = (stroke_y(stroke, place->point + 1) - y) / length * part + y;
}

static double magnitude(double x)
{
    return x < 0 ? -x : x;
}

/* A number from 0 to 255 rounded, halves to even. */
static uint8_t whole(double x)
{
    int below = (int)x;
    return (uint8_t)(below + (x - below > 0.5 || (x - below >= 0.5 && below % 2)));
}

/* Adds a point to the simplified drawing. */
static int add_point(struct model_strokes_workspace *work, int count, const double at[2])
{
    if (count >= MODEL_POINTS)
        return -1;
    work->x[count] = whole(at[0]);
    work->y[count] = whole(at[1]);
    work->ends[count] = 0;
    return count + 1;
}

/* Adds a stroke, resampled at a distance of 1, to the simplified drawing: of each stretch the point farthest from its
 * chord is kept, unless all lie within 2 of it (Ramer, Douglas and Peucker). Gives the number of points, -1 if they are
 * too many. */
static int add_simplified(const struct model_stroke *stroke, struct model_strokes_workspace *work, int count)
{
    double length = 0, start[2], end[2], at[2];
    for (int i = 0; i + 1 < stroke->points; i++)
        length += piece_length(stroke, i);
    int last = (int)length + (length > (double)(int)length || length < 1e-9), first = 0, waiting = 1;
    struct model_place place = {0, 0};
    work->pending[0] = (uint16_t)last;
    walk(stroke, &place, 0, stroke->points == 1, start);
    count = add_point(work, count, start);
    while (waiting > 0 && count > 0) {
        int until = work->pending[waiting - 1], farthest = -1;
        double most = 2 + 1e-9;
        struct model_place at_end = place, moving = place;
        walk(stroke, &at_end, until, until == last, end);
        double dx = end[0] - start[0], dy = end[1] - start[1], chord = root(dx * dx + dy * dy);
        for (int i = first + 1; i < until; i++) {
            walk(stroke, &moving, i, 0, at);
            double x = at[0] - start[0], y = at[1] - start[1];
            double away = chord > 0 ? magnitude(y * dx - x * dy) / chord : root(x * x + y * y);
            if (away > most) {
                most = away + 1e-9; /* of equal ones the first */
                farthest = i;
            }
        }
        if (farthest >= 0) {
            if (waiting >= MODEL_POINTS)
                return -1;
            work->pending[waiting++] = (uint16_t)farthest;
            continue;
        }
        waiting--;
        first = until;
        place = at_end;
        start[0] = end[0];
        start[1] = end[1];
        count = add_point(work, count, end);
    }
    if (count > 0)
        work->ends[count - 1] = 1;
    return count;
}

/* Half the width of a disk, a polygon that is looked up at 1,024 heights; negative above it. */
static float half_width(float height)
{
    const double radius = STROKE_WIDTH / 2;
    int step = (int)(height * (float)(1023 / radius) + 0.5f);
    double exact = step < 1023 ? step * (radius / 1023) : radius;
    for (int i = 0; i + 1 < CORNERS && step < 1024; i++)
        if (exact <= corner_y[i + 1]) {
            double slope = (corner_x[i + 1] - corner_x[i]) / (corner_y[i + 1] - corner_y[i]);
            double width = slope * (exact - corner_y[i]) + corner_x[i];
            return width > 0 ? STEPS * (float)width : 0;
        }
    return -1;
}

/* Sets, on a line of STEPS bits a pixel, what the ink of a piece of a stroke covers there: a disk at both ends and a
 * rectangle between them. In float, as jaxdoodle has it: of a level line that ends on a line, the outcome depends on
 * rounding. */
static void cross(uint32_t *bits, int line, double x0, double y0, double x1, double y1)
{
    const double radius = STROKE_WIDTH / 2;
    double dy = y1 - y0 > 1e-4 ? y1 - y0 : 1e-4, dx = magnitude(x1 - x0) < 1e-4 ? 1e-4 : x1 - x0;
    double square = dx * dx + dy * dy, length = STEPS * square / dx;
    float down = ((float)line + 0.5f) / LINES - (float)y0, middle = down * (float)(STEPS * dx / dy);
    float half = (float)(STEPS * radius * root(square) / dy), ends = down * (float)(-STEPS * dy / dx);
    float one = ends + (float)(length < 0 ? length : 0), other = ends + (float)(length > 0 ? length : 0);
    float left = middle - half > one ? middle - half : one, right = middle + half < other ? middle + half : other;
    int covers = left <= right;
    for (int disk = 0; disk < 2; disk++) {
        float x = disk ? (float)(STEPS * (x1 - x0)) : 0, y = disk ? down - (float)(y1 - y0) : down;
        float reach = half_width(y < 0 ? -y : y);
        if (reach < 0)
            continue;
        left = !covers || x - reach < left ? x - reach : left;
        right = !covers || x + reach > right ? x + reach : right;
        covers = 1;
    }
    if (!covers)
        return;
    const float move = (float)(STEPS * x0 + 0.5), most = (float)STEPS * MODEL_WIDTH;
    left += move;
    right += move;
    int first = (int)(left > 0 ? (left < most ? left : most) : 0);
    int last = (int)(right > 0 ? (right < most ? right : most) : 0);
    for (int at = first; at < last;) {
        int until = (at / 32 + 1) * 32 < last ? (at / 32 + 1) * 32 : last;
        bits[at / 32] |= (0xffffffffu >> (32 - (until - at))) << (at % 32);
        at = until;
    }
}

static int bits_of(uint32_t word)
{
    word -= word >> 1 & 0x55555555u;
    word = (word & 0x33333333u) + (word >> 2 & 0x33333333u);
    return (int)(((word + (word >> 4)) & 0x0f0f0f0fu) * 0x01010101u >> 24);
}

/* Renders the simplified drawing, scaled and moved so far: within a stroke ink is a union, and where a stroke covers a
 * pixel in part, it is composited over the earlier ones. */
static void paint(struct model_strokes_workspace *work, int points, double move_x, double move_y, uint8_t *image)
{
    const double radius = STROKE_WIDTH / 2;
    for (int row = 0; row < MODEL_HEIGHT; row++) {
        for (int column = 0; column < MODEL_WIDTH; column++)
            work->background[column] = 1;
        for (int first = 0, end = 0; first < points; first = end + 1) {
            for (end = first; !work->ends[end];)
                end++;
            for (int column = 0; column < MODEL_WIDTH; column++)
                work->covered[column] = 0;
            for (int line = row * LINES; line < (row + 1) * LINES; line++) {
                int found = 0;
                for (int i = first; i < end || i == first; i++) {
                    int next = i < end ? i + 1 : i;
                    double x0 = work->x[i] * SIMPLE_SCALE + move_x, x1 = work->x[next] * SIMPLE_SCALE + move_x;
                    double y0 = work->y[i] * SIMPLE_SCALE + move_y, y1 = work->y[next] * SIMPLE_SCALE + move_y;
                    double top = (y0 < y1 ? y0 : y1) - radius, bottom = (y0 < y1 ? y1 : y0) + radius;
                    if (line + 0.5 < LINES * top || line + 0.5 > LINES * bottom)
                        continue;
                    for (int word = 0; word < 8 * MODEL_WIDTH && !found; word++)
                        work->line[word] = 0;
                    found = 1;
                    if (y0 <= y1)
                        cross(work->line, line, x0, y0, x1, y1);
                    else
                        cross(work->line, line, x1, y1, x0, y0);
                }
                for (int word = 0; word < 8 * MODEL_WIDTH && found; word++)
                    work->covered[word / 8] = (uint16_t)(work->covered[word / 8] + bits_of(work->line[word]));
            }
            for (int column = 0; column < MODEL_WIDTH; column++)
                work->background[column] *= 1 - work->covered[column] / (double)(LINES * STEPS);
        }
        for (int column = 0; column < MODEL_WIDTH; column++)
            image[row * MODEL_WIDTH + column] = whole(255 * (1 - work->background[column]));
    }
}

/* Whether the drawing has whole numbers, the least of each axis about 0 and the greatest of all about 255. */
static int is_simplified(const float *x, const float *y, int points)
{
    float low_x = 255, low_y = 255, high = 0;
    for (int i = 0; i < points; i++) {
        if (!(x[i] >= 0 && x[i] <= 255 && y[i] >= 0 && y[i] <= 255) || x[i] > nearest(x[i]) || x[i] < nearest(x[i]) ||
            y[i] > nearest(y[i]) || y[i] < nearest(y[i]))
            return 0;
        low_x = x[i] < low_x ? x[i] : low_x;
        low_y = y[i] < low_y ? y[i] : low_y;
        high = x[i] > high ? x[i] : high;
        high = y[i] > high ? y[i] : high;
    }
    return low_x <= 12 && low_y <= 12 && high >= 243;
}

int model_image_of_strokes(const float *x, const float *y, const int *lengths, int strokes,
        struct model_strokes_workspace *work, uint8_t image[MODEL_HEIGHT * MODEL_WIDTH])
{
    int32_t points = 0;
    double low[2] = {1e6, 1e6}, high[2] = {-1e6, -1e6}, length = 0;
    if (strokes < 1)
        return MODEL_UNREADABLE;
    for (int s = 0; s < strokes; s++) {
        if (lengths[s] < 1)
            return MODEL_UNREADABLE;
        for (int i = 0; i < lengths[s]; i++, points++) {
            double at[2] = {(double)x[points], (double)y[points]};
            for (int axis = 0; axis < 2; axis++) {
                if (!(at[axis] > -1e6 && at[axis] < 1e6))
                    return MODEL_UNREADABLE;
                low[axis] = at[axis] < low[axis] ? at[axis] : low[axis];
                high[axis] = at[axis] > high[axis] ? at[axis] : high[axis];
            }
            if (i) {
                double dx = at[0] - (double)x[points - 1], dy = at[1] - (double)y[points - 1];
                length += root(dx * dx + dy * dy);
            }
        }
    }
    double side = high[0] - low[0] > high[1] - low[1] ? high[0] - low[0] : high[1] - low[1];
    if (!(side > 0))
        return MODEL_DOT;
    if (length > 200 * side)
        return MODEL_BUSY;

    int count = 0, simplified = is_simplified(x, y, points), done = 0;
    for (int s = 0; s < strokes && count >= 0; done += lengths[s++]) {
        struct model_stroke stroke = {x + done, y + done, lengths[s], low[0], low[1], 255 / side};
        for (int i = 0; i < lengths[s] && simplified && count >= 0; i++) {
            double at[2] = {(double)x[done + i], (double)y[done + i]};
            count = add_point(work, count, at);
        }
        if (simplified && count > 0)
            work->ends[count - 1] = 1;
        if (!simplified)
            count = add_simplified(&stroke, work, count);
    }
    if (count < 0)
        return MODEL_TOO_LARGE;

    int width = 0, height = 0;
    for (int i = 0; i < count; i++) {
        width = work->x[i] > width ? work->x[i] : width;
        height = work->y[i] > height ? work->y[i] : height;
    }
    double row = CENTER_ROW, column = CENTER_COLUMN;
    if (CENTER_OF_MASS) {
        double middle_row = (MODEL_HEIGHT - 1) / 2.0, middle_column = (MODEL_WIDTH - 1) / 2.0;
        double sum = 0, rows = 0, columns = 0;
        paint(work, count, middle_column + 0.5 - width / 2.0 * SIMPLE_SCALE,
              middle_row + 0.5 - height / 2.0 * SIMPLE_SCALE, image);
        for (int i = 0; i < MODEL_HEIGHT * MODEL_WIDTH; i++) {
            sum += image[i];
            rows += image[i] * (i / MODEL_WIDTH);
            columns += image[i] * (i % MODEL_WIDTH);
        }
        if (sum > 0) {
            row = middle_row + row - rows / sum;
            column = middle_column + column - columns / sum;
        }
    }
    paint(work, count, column + 0.5 - width / 2.0 * SIMPLE_SCALE, row + 0.5 - height / 2.0 * SIMPLE_SCALE, image);
    for (int i = 0; i < MODEL_HEIGHT * MODEL_WIDTH; i++)
        image[i] = (uint8_t)(DARK_ON_LIGHT ? 255 - image[i] : image[i]);
    return MODEL_OK;
}
