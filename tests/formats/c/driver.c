/* Drawings in, images out, for the tests beside it. On standard input one drawing after the other: "S", the number of
 * strokes, of each the number of points and all x, then all y; or "C", height, width and the gray levels. Each gives a
 * line: what the function returned, and the image if that is 0. */
#include <stdio.h>
#include <stdlib.h>

#include "model.h"

static float x[100000], y[100000];
static int lengths[1000];
static struct model_strokes_workspace drawing;
static struct model_canvas_workspace work;

static int strokes(uint8_t *image)
{
    int count = 0, done = 0;
    if (scanf("%d", &count) != 1)
        exit(2);
    for (int s = 0; s < count; done += lengths[s++]) {
        if (scanf("%d", &lengths[s]) != 1)
            exit(2);
        for (int i = 0; i < lengths[s]; i++)
            if (scanf("%f", &x[done + i]) != 1)
                exit(2);
        for (int i = 0; i < lengths[s]; i++)
            if (scanf("%f", &y[done + i]) != 1)
                exit(2);
    }
    return model_image_of_strokes(x, y, lengths, count, &drawing, image);
}

static int canvas(uint8_t *image)
{
    int height = 0, width = 0;
    if (scanf("%d %d", &height, &width) != 2)
        exit(2);
    size_t size = (size_t)height * (size_t)width;
    uint8_t *pixels = (uint8_t *)malloc(size ? size : 1);
    for (size_t i = 0; i < size; i++) {
        unsigned gray;
        if (scanf("%u", &gray) != 1)
            exit(2);
        pixels[i] = (uint8_t)gray;
    }
    int found = model_image_of_canvas(pixels, height, width, &work, image);
    free(pixels);
    return found;
}

int main(void)
{
    uint8_t image[MODEL_HEIGHT * MODEL_WIDTH];
    char kind;
    while (scanf(" %c", &kind) == 1) {
        int found = kind == 'S' ? strokes(image) : canvas(image);
        printf("%d", found);
        for (int i = 0; i < MODEL_HEIGHT * MODEL_WIDTH && !found; i++)
            printf(" %u", image[i]);
        putchar('\n');
    }
    return 0;
}
