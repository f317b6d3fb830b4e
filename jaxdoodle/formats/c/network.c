/* The C of an exported network: one function for each kind of layer, logits and predict.
 *
 * writer.py writes the sections that a network needs, below its arrays, with the model's own name and sizes. Images
 * are (height, width, channels), float32 weights as they are, int8 weights outputs first. Only C99 and its headers
 * are used, no library, so that a plain "cc model.c" links.
 *
 * Before the first section stand samples of what writer.py writes of a model, so that this file compiles by itself:
 * cc -std=c99 -Wall -Wextra -Wno-unused-function -c network.c
 */
#include "model.h"

#define TEMPERATURE 1.0
#define PIXEL (float)image[i] / 255.0f
#define FIRST work->a
#define LAYERS for (int i = 0; i < MODEL_CLASSES; i++) logits[i] = work->a[i]
#define PROBABILITY (float)(probabilities[i] / sum)
#define ANSWER energy < exponential(1.0 - scores[best]) ? -1 : best

/* section: flash */
/* Where constants cannot be read as other memory, they are read by macros. */
#if defined(__AVR__) || defined(ESP8266)
#include <avr/pgmspace.h>
#define FLASH PROGMEM
#define FLOAT_AT(address) pgm_read_float(address)
#define INT8_AT(address) ((int8_t)pgm_read_byte(address))
#endif
#ifndef FLASH
#define FLASH
#define FLOAT_AT(address) (*(address))
#define INT8_AT(address) (*(address))
#endif

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
        y[o] = FLOAT_AT(b + o);
    for (int i = 0; i < inputs; i++)
        for (int o = 0; o < units; o++)
            y[o] += x[i] * FLOAT_AT(w + i * units + o);
}

/* section: conv2d */
static void conv2d(const float *x, int height, int width, int channels, int kernel_height, int kernel_width,
                   int down, int right, int top, int left, int rows, int columns, int filters,
                   const float *w, const float *b, float *y)
{
    for (int position = 0; position < rows * columns; position++, y += filters) {
        for (int f = 0; f < filters; f++)
            y[f] = FLOAT_AT(b + f);
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
                        y[f] += pixel[c] * FLOAT_AT(weight + c * filters + f);
            }
        }
    }
}

/* section: nearest */
/* The nearest whole number, halves to even: adding 1.5 * 2^23 leaves a float no room for fractions. */
static float nearest(float x)
{
    volatile float rounded = x + 12582912.0f; /* volatile: a compiler with -ffast-math would cancel the sum */
    return rounded - 12582912.0f;
}

/* section: level */
/* A number of levels as the nearest of those from low to high. */
static int16_t level(float x, float low, float high)
{
    return (int16_t)nearest(x > low ? (x < high ? x : high) : low);
}

/* section: to_levels */
static void to_levels(const float *x, int n, float scale, float low, float high, int16_t *q)
{
    for (int i = 0; i < n; i++)
        q[i] = level(x[i] / scale, low, high);
}

/* section: dense_int8 */
/* Gives numbers y, or where y is null levels q. */
static void dense_int8(const int16_t *x, int inputs, int units, const int8_t *w, const float *scale, const float *b,
                       float *y, float low, float high, int16_t *q)
{
    for (int o = 0; o < units; o++, w += inputs) {
        int32_t sum = 0;
        for (int i = 0; i < inputs; i++)
            sum += (int32_t)x[i] * INT8_AT(w + i);
        float value = (float)sum * FLOAT_AT(scale + o) + FLOAT_AT(b + o);
        if (y)
            y[o] = value;
        else
            q[o] = level(value, low, high);
    }
}

/* section: conv2d_int8 */
/* Gives numbers y, or where y is null levels q. */
static void conv2d_int8(const int16_t *x, int height, int width, int channels, int kernel_height, int kernel_width,
                        int down, int right, int top, int left, int rows, int columns, int filters, const int8_t *w,
                        const float *scale, const float *b, float *y, float low, float high, int16_t *q)
{
    for (int position = 0; position < rows * columns; position++) {
        int row = position / columns * down - top, column = position % columns * right - left;
        int above = row < 0 ? -row : 0, below = row + kernel_height > height ? height - row : kernel_height;
        int before = column < 0 ? -column : 0, after = column + kernel_width > width ? width - column : kernel_width;
        for (int f = 0; f < filters; f++) {
            int32_t sum = 0;
            for (int i = above; i < below; i++) {
                const int16_t *pixel = x + ((row + i) * width + column) * channels;
                const int8_t *weight = w + (f * kernel_height + i) * kernel_width * channels;
                for (int c = before * channels; c < after * channels; c++)
                    sum += (int32_t)pixel[c] * INT8_AT(weight + c);
            }
            float value = (float)sum * FLOAT_AT(scale + f) + FLOAT_AT(b + f);
            if (y)
                y[position * filters + f] = value;
            else
                q[position * filters + f] = level(value, low, high);
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

/* section: max_pool_int8 */
static void max_pool_int8(const int16_t *x, int width, int channels, int window_height, int window_width,
                   int down, int right, int rows, int columns, int16_t *y)
{
    for (int position = 0; position < rows * columns; position++, y += channels) {
        const int16_t *corner = x + (position / columns * down * width + position % columns * right) * channels;
        for (int c = 0; c < channels; c++) {
            int16_t top = corner[c];
            for (int i = 0; i < window_height; i++)
                for (int j = 0; j < window_width; j++) {
                    int16_t pixel = corner[(i * width + j) * channels + c];
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
            sum += exponential((double)(x[i] - top));
        for (int i = 0; i < n; i++)
            x[i] = (float)(exponential((double)(x[i] - top)) / sum);
    }
}

/* section: batch_norm */
static void batch_norm(float *x, int rows, int channels, const float *scale, const float *shift)
{
    for (; rows > 0; rows--, x += channels)
        for (int c = 0; c < channels; c++)
            x[c] = x[c] * FLOAT_AT(scale + c) + FLOAT_AT(shift + c);
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
        x[i] = (float)(1 / (1 + exponential((double)-x[i])));
}

/* section: hyperbolic_tangent */
static void hyperbolic_tangent(float *x, int n)
{
    for (int i = 0; i < n; i++)
        x[i] = (float)(1 - 2 / (1 + exponential(2.0 * (double)x[i])));
}

/* section: predict */
void model_logits(const uint8_t image[MODEL_HEIGHT * MODEL_WIDTH], struct model_workspace *work,
        float logits[MODEL_CLASSES])
{
    for (int i = 0; i < MODEL_HEIGHT * MODEL_WIDTH; i++)
        FIRST[i] = PIXEL;
    LAYERS;
}

int model_predict(const uint8_t image[MODEL_HEIGHT * MODEL_WIDTH], struct model_workspace *work,
        float probabilities[MODEL_CLASSES])
{
    float scores[MODEL_CLASSES];
    int best = 0;
    model_logits(image, work, scores);
    for (int i = 1; i < MODEL_CLASSES; i++)
        best = scores[i] > scores[best] ? i : best;
    double sum = 0, energy = 0;
    for (int i = 0; i < MODEL_CLASSES; i++) {
        probabilities[i] = (float)exponential((double)(scores[i] - scores[best]) / TEMPERATURE);
        sum += (double)probabilities[i];
        energy += exponential((double)(scores[i] - scores[best]));
    }
    for (int i = 0; i < MODEL_CLASSES; i++)
        probabilities[i] = PROBABILITY;
    (void)sum, (void)energy; /* not every network needs both */
    return ANSWER;
}
