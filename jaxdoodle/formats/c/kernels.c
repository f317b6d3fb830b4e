/* The C of an exported network: one function for each kind of layer, predict and main.
 *
 * writer.py writes the sections that a network needs, below the arrays of the model. Images are (height, width,
 * channels), float32 weights as they are, int8 weights outputs first. Only C99 and its stdio are used, not even libm,
 * so that a plain "cc model.c" links.
 *
 * Before the first section stand samples of what writer.py writes of a model, so that this file compiles by itself:
 * cc -std=c99 -Wall -Wextra -Wno-unused-function -c kernels.c
 */
#include <stdint.h>

enum { HEIGHT = 28, WIDTH = 28, CLASSES = 10, EXAMPLES = 4 };
#define TEMPERATURE 1.0
#define ALLOWED_ERROR 0.0001
#define PIXEL (float)image[i] / 255.0f
#define LAYERS for (int i = 0; i < CLASSES; i++) out[i] = work->a[i]
#define PROBABILITY (float)(probabilities[i] / sum)
#define ANSWER energy < exponential(1.0 - scores[best]) ? -1 : best
struct workspace { float a[HEIGHT * WIDTH], b[HEIGHT * WIDTH]; };
extern const char *const class_names[CLASSES];
extern const uint8_t example_images[EXAMPLES * HEIGHT * WIDTH];
extern const float example_logits[EXAMPLES * CLASSES];

/* section: exponential */
/* e to the x, right to float's last digits: the 1024th power of e to the x / 1024. */
static double exponential(double x)
{
    double y = (x < -200 ? -200 : x > 200 ? 200 : x) / 1024;
    double e = 1 + y * (1 + y / 2 * (1 + y / 3 * (1 + y / 4 * (1 + y / 5 * (1 + y / 6 * (1 + y / 7))))));
    for (int i = 0; i < 10; i++)
        e *= e;
    return e;
}

/* section: dense */
static void dense(const float *x, int inputs, int units, const float *w, const float *b, float *y)
{
    for (int o = 0; o < units; o++)
        y[o] = b[o];
    for (int i = 0; i < inputs; i++)
        for (int o = 0; o < units; o++)
            y[o] += x[i] * w[i * units + o];
}

/* section: conv2d */
static void conv2d(const float *x, int height, int width, int channels, int kernel_height, int kernel_width,
                   int down, int right, int top, int left, int rows, int columns, int filters,
                   const float *w, const float *b, float *y)
{
    for (int position = 0; position < rows * columns; position++, y += filters) {
        for (int f = 0; f < filters; f++)
            y[f] = b[f];
        for (int i = 0; i < kernel_height; i++) {
            int row = position / columns * down - top + i;
            for (int j = 0; j < kernel_width && row >= 0 && row < height; j++) {
                int column = position % columns * right - left + j;
                if (column < 0 || column >= width)
                    continue;
                const float *pixel = x + (row * width + column) * channels;
                const float *weight = w + (i * kernel_width + j) * channels * filters;
                for (int c = 0; c < channels; c++)
                    for (int f = 0; f < filters; f++)
                        y[f] += pixel[c] * weight[c * filters + f];
            }
        }
    }
}

/* section: to_levels */
/* Each number as the nearest level, halves to even: adding 1.5 * 2^23 leaves a float no room for fractions. */
static void to_levels(const float *x, int n, float scale, float low, float high, int16_t *q)
{
    for (int i = 0; i < n; i++) {
        float level = x[i] / scale;
        level = level < low ? low : level > high ? high : level;
        float rounded = level + 12582912.0f;
        q[i] = (int16_t)(rounded - 12582912.0f);
    }
}

/* section: dense_int8 */
static void dense_int8(const int16_t *x, int inputs, int units, const int8_t *w, const float *scale,
                       const float *b, float *y)
{
    for (int o = 0; o < units; o++, w += inputs) {
        int32_t sum = 0;
        for (int i = 0; i < inputs; i++)
            sum += (int32_t)x[i] * w[i];
        y[o] = (float)sum * scale[o] + b[o];
    }
}

/* section: conv2d_int8 */
static void conv2d_int8(const int16_t *x, int height, int width, int channels, int kernel_height, int kernel_width,
                        int down, int right, int top, int left, int rows, int columns, int filters,
                        const int8_t *w, const float *scale, const float *b, float *y)
{
    for (int position = 0; position < rows * columns; position++, y += filters) {
        int row = position / columns * down - top, column = position % columns * right - left;
        int above = row < 0 ? -row : 0, below = row + kernel_height > height ? height - row : kernel_height;
        int before = column < 0 ? -column : 0, after = column + kernel_width > width ? width - column : kernel_width;
        for (int f = 0; f < filters; f++) {
            int32_t sum = 0;
            for (int i = above; i < below; i++) {
                const int16_t *pixel = x + ((row + i) * width + column) * channels;
                const int8_t *weight = w + (f * kernel_height + i) * kernel_width * channels;
                for (int c = before * channels; c < after * channels; c++)
                    sum += (int32_t)pixel[c] * weight[c];
            }
            y[f] = (float)sum * scale[f] + b[f];
        }
    }
}

/* section: max_pool */
static void max_pool(const float *x, int width, int channels, int window_height, int window_width,
                   int down, int right, int rows, int columns, float *y)
{
    for (int position = 0; position < rows * columns; position++, y += channels) {
        const float *corner = x + (position / columns * down * width + position % columns * right) * channels;
        for (int c = 0; c < channels; c++) {
            float top = corner[c];
            for (int i = 0; i < window_height; i++)
                for (int j = 0; j < window_width; j++) {
                    float pixel = corner[(i * width + j) * channels + c];
                    top = pixel > top ? pixel : top;
                }
            y[c] = top;
        }
    }
}

/* section: avg_pool */
static void avg_pool(const float *x, int width, int channels, int window_height, int window_width,
                   int down, int right, int rows, int columns, float *y)
{
    for (int position = 0; position < rows * columns; position++, y += channels) {
        const float *corner = x + (position / columns * down * width + position % columns * right) * channels;
        for (int c = 0; c < channels; c++) {
            float sum = 0;
            for (int i = 0; i < window_height; i++)
                for (int j = 0; j < window_width; j++) {
                    float pixel = corner[(i * width + j) * channels + c];
                    sum += pixel;
                }
            y[c] = sum / (float)(window_height * window_width);
        }
    }
}

/* section: softmax */
static void softmax(float *x, int rows, int n)
{
    for (; rows > 0; rows--, x += n) {
        float top = x[0];
        double sum = 0;
        for (int i = 1; i < n; i++)
            top = x[i] > top ? x[i] : top;
        for (int i = 0; i < n; i++)
            sum += exponential(x[i] - top);
        for (int i = 0; i < n; i++)
            x[i] = (float)(exponential(x[i] - top) / sum);
    }
}

/* section: batch_norm */
static void batch_norm(float *x, int rows, int channels, const float *scale, const float *shift)
{
    for (; rows > 0; rows--, x += channels)
        for (int c = 0; c < channels; c++)
            x[c] = x[c] * scale[c] + shift[c];
}

/* section: relu */
static void relu(float *x, int n)
{
    for (int i = 0; i < n; i++)
        x[i] = x[i] > 0 ? x[i] : 0;
}

/* section: leaky_relu */
static void leaky_relu(float *x, int n, float slope)
{
    for (int i = 0; i < n; i++)
        x[i] = x[i] > 0 ? x[i] : slope * x[i];
}

/* section: clip */
static void clip(float *x, int n, float low, float high)
{
    for (int i = 0; i < n; i++)
        x[i] = x[i] < low ? low : x[i] > high ? high : x[i];
}

/* section: pad2d */
static void pad2d(const float *x, int rows, int columns, int channels, int top, int left, int out_rows,
                  int out_columns, float value, float *y)
{
    for (int i = 0; i < out_rows; i++)
        for (int j = 0; j < out_columns; j++)
            for (int c = 0; c < channels; c++) {
                int row = i - top, column = j - left;
                int inside = row >= 0 && row < rows && column >= 0 && column < columns;
                *y++ = inside ? x[(row * columns + column) * channels + c] : value;
            }
}

/* section: sigmoid */
static void sigmoid(float *x, int n)
{
    for (int i = 0; i < n; i++)
        x[i] = (float)(1 / (1 + exponential(-x[i])));
}

/* section: hyperbolic_tangent */
static void hyperbolic_tangent(float *x, int n)
{
    for (int i = 0; i < n; i++)
        x[i] = (float)(1 - 2 / (1 + exponential(2.0 * x[i])));
}

/* section: logits */
/* The logits of one image, one for each class. */
void logits(const uint8_t image[HEIGHT * WIDTH], struct workspace *work, float out[CLASSES])
{
    for (int i = 0; i < HEIGHT * WIDTH; i++)
        work->a[i] = PIXEL;
    LAYERS;
}

/* section: predict */
/* Probabilities of the classes for one image. Gives the most probable class, or -1 for unknown. */
int predict(const uint8_t image[HEIGHT * WIDTH], struct workspace *work, float probabilities[CLASSES])
{
    float scores[CLASSES];
    int best = 0;
    logits(image, work, scores);
    for (int i = 1; i < CLASSES; i++)
        best = scores[i] > scores[best] ? i : best;
    double sum = 0, energy = 0;
    for (int i = 0; i < CLASSES; i++) {
        probabilities[i] = (float)exponential((scores[i] - scores[best]) / TEMPERATURE);
        sum += probabilities[i];
        energy += exponential(scores[i] - scores[best]);
    }
    for (int i = 0; i < CLASSES; i++)
        probabilities[i] = PROBABILITY;
    return ANSWER;
}

/* section: main */
#include <stdio.h>
#include <string.h>

/* The next number of a PGM header, after spaces and comments; -1 at anything else. */
static int number(FILE *file)
{
    int c = getc(file), value = -1;
    while (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '#') {
        if (c == '#')
            while (c != '\n' && c != EOF)
                c = getc(file);
        c = getc(file);
    }
    for (; c >= '0' && c <= '9' && value < 100000; c = getc(file))
        value = (value < 0 ? 0 : value) * 10 + (c - '0');
    return c == EOF || c == ' ' || c == '\t' || c == '\r' || c == '\n' ? value : -1;
}

/* The next image of a PGM file: 1; 0 where the file ends; -1 if there is something else. */
static int read_pgm(FILE *file, uint8_t image[HEIGHT * WIDTH])
{
    int c = getc(file);
    while (c == ' ' || c == '\t' || c == '\r' || c == '\n')
        c = getc(file);
    if (c == EOF)
        return 0;
    int kind = getc(file);
    if (c != 'P' || (kind != '2' && kind != '5') || number(file) != WIDTH || number(file) != HEIGHT ||
        number(file) != 255)
        return -1;
    for (int i = 0; i < HEIGHT * WIDTH; i++) {
        int value = kind == '5' ? getc(file) : number(file);
        if (value < 0 || value > 255)
            return -1;
        image[i] = (uint8_t)value;
    }
    return 1;
}

static int answer(const char *name, FILE *file, int print_logits)
{
    static struct workspace work;
    uint8_t image[HEIGHT * WIDTH];
    float values[CLASSES];
    int found;
    while ((found = read_pgm(file, image)) == 1) {
        if (print_logits) {
            logits(image, &work, values);
            for (int i = 0; i < CLASSES; i++)
                printf("%.9g%c", (double)values[i], i + 1 < CLASSES ? ' ' : '\n');
            continue;
        }
        int abstained = predict(image, &work, values) < 0, best = 0;
        for (int i = 1; i < CLASSES; i++)
            best = values[i] > values[best] ? i : best;
        printf("%s %.1f %%%s\n", class_names[best], 100 * (double)values[best],
               abstained ? "  (unknown)" : "");
    }
    if (found < 0)
        fprintf(stderr, "%s: not a PGM image of %d x %d pixels and 255 levels, white ink on black\n", name, WIDTH,
                HEIGHT);
    return found < 0 ? 2 : 0;
}

/* Whether the logits of the reference examples are reproduced. */
static int self_test(void)
{
    static struct workspace work;
    float found[CLASSES];
    int wrong = 0;
    for (int n = 0; n < EXAMPLES; n++) {
        logits(example_images + n * HEIGHT * WIDTH, &work, found);
        for (int i = 0; i < CLASSES; i++) {
            double off = (double)found[i] - example_logits[n * CLASSES + i];
            wrong += !(off <= ALLOWED_ERROR && -off <= ALLOWED_ERROR);
        }
    }
    printf(wrong ? "%d of %d outputs are wrong\n" : "%d wrong of %d outputs: in order\n", wrong, EXAMPLES * CLASSES);
    return wrong ? 1 : 0;
}

/* model --self-test, or model [--logits] [IMAGE.pgm ...]; without files, images one after the other on standard
   input. */
int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "--self-test") == 0)
        return self_test();
    int code = 0, print_logits = count > 1 && strcmp(arguments[1], "--logits") == 0;
    if (count == 1 + print_logits)
        return answer("standard input", stdin, print_logits);
    for (int i = 1 + print_logits; i < count; i++) {
        FILE *file = fopen(arguments[i], "rb");
        if (!file) {
            perror(arguments[i]);
            code = 2;
            continue;
        }
        if (answer(arguments[i], file, print_logits))
            code = 2;
        fclose(file);
    }
    return code;
}
